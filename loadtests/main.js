// k6 run loadtests/main.js: load Tally with a k6 as it is installed (version 2), without any extension.
//
//     k6 run -e PROFILE=peak -e GRPC=127.0.0.1:50051 -e REST=http://127.0.0.1:8000 loadtests/main.js
//
// docs/LOAD.md tells the profiles, the variables, the exit codes and what the verdict means.
//
// 1. Ramping users:         the stages of k6/profiles.js become k6's ramping VUs or arrival rate in k6/options.js.
// 2. Randomised endpoints:  k6/mix.js chooses among nine operations; k6/operations.js does them, over gRPC and REST.
// 3. Thresholds:            on errors and latency, in every profile (k6/profiles.js, k6/options.js).
// 4. Random delays:         a log-normal pause after each iteration (k6/think.js).
// 5. Thousands of users:    -e PROFILE=peak goes to 3,000, -e USERS_SCALE=2 to 6,000.
// 6. Comprehensive metrics: k6's own by operation, ours (k6/metrics.js), and the truth (k6/truth.js, k6/verdict.js).

import { optionsOf, rulesOf } from "./k6/options.js";
import { startRun, summarise } from "./k6/script.js";
import { settingsOf } from "./k6/settings.js";
import { iterate } from "./k6/user.js";

/** @typedef {import("./k6/script.js").Run} Run */

const settings = settingsOf(__ENV, { extension: false });
const certificates = settings.caCert === null ? null : open(settings.caCert);
const rules = rulesOf(settings.profile);

export const options = optionsOf(settings.profile, rules);

/** @returns {Run} */
export function setup() {
    return startRun(settings, certificates);
}

/** @param {Run} run */
export default function iteration(run) {
    iterate(settings, run, certificates);
}

/** @param {any} data */
export function handleSummary(data) {
    return summarise(data, settings, rules);
}
