// What the scripts of both kinds of k6 do before the first user comes and after the last one went.

import exec from "k6/execution";

import { probe, reasonOf } from "./calls.js";
import { totalAtEnd, totalAtStart } from "./ledger.js";
import { startAtZero } from "./metrics.js";
import { Random } from "./random.js";
import { countsOf, positionsOf, summaryOf, textOf } from "./summary.js";
import { verdictOf } from "./verdict.js";

/** @typedef {import("./options.js").Rule} Rule */
/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./summary.js").Verdict} Verdict */
/** @typedef {{tag: string, seed: number, startedAt: string, before: import("./verdict.js").Total}} Run */

/**
 * Look whether everything is there, and decide what all users share.
 * @param {Settings} settings @param {string | null} certificates @returns {Run}
 */
export function startRun(settings, certificates) {
    const startedAt = new Date().toISOString();
    const before = totalAtStart(settings);
    try {
        probe(settings, certificates);
    } catch (error) {
        const tls = settings.tls ? "leave GRPC_TLS out where it has no TLS" : "add -e GRPC_TLS=on where it wants TLS";
        exec.test.abort(
            `no Tally answers at ${settings.grpc} (${reasonOf(error)}): start it with \`${settings.typedAs} up\`, say where it is with ` +
            `-e GRPC=HOST:PORT, or ${tls}`,
        );
    }
    startAtZero();
    const chance = new Random(Date.now(), Date.now() / 2 ** 32, Math.random() * 2 ** 32);
    const run = { tag: settings.tag ?? chance.hex(12), seed: settings.seed ?? chance.below(10 ** 6), startedAt, before };
    console.log(`${settings.profile.name}: ${settings.profile.meaning}; seed ${run.seed}, tag ${run.tag}`);
    return run;
}

/**
 * Return what handleSummary returns: the text for the screen, and the summary's file.
 * @param {any} data @param {Settings} settings @param {readonly Rule[]} rules
 * @param {{verdict: (verdict: Verdict) => Verdict, figures: Record<string, number>}} more what the extension adds
 */
export function summarise(data, settings, rules, more = { verdict: (verdict) => verdict, figures: {} }) {
    /** @type {Run | undefined} */
    const run = data.setup_data;
    if (!run) {
        return { stderr: "The load did not begin; the lines above say why.\n" };
    }
    const end = totalAtEnd(settings.rest, positionsOf(data), settings.drainS);
    const verdict = more.verdict(verdictOf({ ...countsOf(data), tag: run.tag, before: run.before, ...end }));
    const summary = summaryOf(data, rules, { ...run, profile: settings.profile }, verdict);
    Object.assign(summary.figures, more.figures);
    return { stdout: textOf(summary, settings.summary), [settings.summary]: `${JSON.stringify(summary, null, 2)}\n` };
}
