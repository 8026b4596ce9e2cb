// k6 run loadtests/main.js: load Tally with a k6 as it is installed (version 2), without any extension.
//
//     k6 run -e PROFILE=peak -e GRPC=127.0.0.1:50051 -e REST=http://127.0.0.1:8000 loadtests/main.js
//
// docs/LOAD.md tells the profiles, the variables, the exit codes and what the verdict means.
//
// 1. Ramping users:         the stages of k6/profiles.js become k6's ramping VUs or arrival rate in k6/options.js.
// 2. Randomised endpoints:  k6/mix.js chooses among nine operations by weight; k6/user.js does them, over gRPC and REST.
// 3. Thresholds:            on errors and latency, in every profile (k6/profiles.js, k6/options.js).
// 4. Random delays:         a log-normal pause after each iteration (k6/think.js).
// 5. Thousands of users:    -e PROFILE=peak goes to 3,000, -e USERS_SCALE=2 to 6,000.
// 6. Comprehensive metrics: k6's own by operation, ours (k6/metrics.js), and the truth (k6/truth.js, k6/verdict.js).

import exec from "k6/execution";

import { close, connect, reasonOf } from "./k6/calls.js";
import { totalAtEnd, totalAtStart } from "./k6/ledger.js";
import { startAtZero } from "./k6/metrics.js";
import { optionsOf, rulesOf } from "./k6/options.js";
import { Random } from "./k6/random.js";
import { settingsOf } from "./k6/settings.js";
import { countsOf, positionsOf, summaryOf, textOf } from "./k6/summary.js";
import { iterate } from "./k6/user.js";
import { verdictOf } from "./k6/verdict.js";

/** @typedef {{tag: string, seed: number, startedAt: string, before: import("./k6/verdict.js").Total}} Run */

const settings = settingsOf(__ENV, { extension: false });
const certificates = settings.caCert === null ? null : open(settings.caCert);
const rules = rulesOf(settings.profile);

export const options = optionsOf(settings.profile, rules);

/** Look whether everything is there before the first user comes. @returns {Run} */
export function setup() {
    const startedAt = new Date().toISOString();
    const before = totalAtStart(settings);
    try {
        connect(settings, certificates);
        close();
    } catch (error) {
        const tls = settings.tls ? "leave GRPC_TLS out where it has no TLS" : "add -e GRPC_TLS=on where it wants TLS";
        exec.test.abort(
            `no Tally answers at ${settings.grpc} (${reasonOf(error)}): start it with \`just up\`, say where it is with ` +
            `-e GRPC=HOST:PORT, or ${tls}`,
        );
    }
    startAtZero();
    const chance = new Random(Date.now(), Date.now() / 2 ** 32, Math.random() * 2 ** 32);
    const run = { tag: settings.tag ?? chance.hex(12), seed: settings.seed ?? chance.below(10 ** 6), startedAt, before };
    console.log(`${settings.profile.name}: ${settings.profile.meaning}; seed ${run.seed}, tag ${run.tag}`);
    return run;
}

/** @param {Run} run */
export default function iteration(run) {
    iterate(settings, run, certificates);
}

/** @param {any} data */
export function handleSummary(data) {
    /** @type {Run | undefined} */
    const run = data.setup_data;
    if (!run) {
        return { stderr: "The load did not begin; the lines above say why.\n" };
    }
    const end = totalAtEnd(settings.rest, positionsOf(data));
    const verdict = verdictOf({ ...countsOf(data), tag: run.tag, before: run.before, ...end });
    const summary = summaryOf(data, rules, { ...run, profile: settings.profile }, verdict);
    return { stdout: textOf(summary, settings.summary), [settings.summary]: `${JSON.stringify(summary, null, 2)}\n` };
}
