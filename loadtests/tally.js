// k6 run loadtests/tally.js: load Tally with a k6 that has the extension k6/x/tally (`just k6` builds it).
//
//     build/k6 run -e PROFILE=kafka -e KAFKA=127.0.0.1:9092 -e REGISTRY=http://127.0.0.1:8081 loadtests/tally.js
//
// It does all that loadtests/main.js does, in every profile, and beside it: an outcome of each addition goes into a file
// (OUTCOMES) that loadtests/judging/verdict.py reads; the topic is read beside the load and compared with what was
// acknowledged; poison of each kind is sent on purpose (profile kafka); each iteration has a root span (TRACES). The
// verdict is a threshold: teardown gives it as metrics, and k6 exits with 99 when one is crossed.

import exec from "k6/execution";
import http from "k6/http";
import { Counter } from "k6/metrics";
import tally from "k6/x/tally";

import { textOf, valueOf } from "./k6/exact.js";
import { optionsOf, rulesOf } from "./k6/options.js";
import { startRun, summarise } from "./k6/script.js";
import { settingsOf } from "./k6/settings.js";
import { topicPart, topicRuleOf, topicSettingsOf, withTopicRules } from "./k6/topic.js";
import { iterate } from "./k6/user.js";

/** @typedef {import("./k6/script.js").Run & {poison: import("k6/x/tally").Poison[]}} Run */

const FINISH_S = 60; // as long as our own generator waits for the topic

const settings = settingsOf(__ENV, { extension: true });
const topic = topicSettingsOf(__ENV, settings);
const certificates = settings.caCert === null ? null : open(settings.caCert);
const rules = withTopicRules(rulesOf(settings.profile, topicRuleOf), topic);
const poisonUnjudged = new Counter("tally_poison_unjudged");

export const options = { ...optionsOf(settings.profile, rules), teardownTimeout: `${4 * FINISH_S}s` };

/** @returns {Run} */
export function setup() {
    const run = startRun(settings, certificates);
    const seesItself = settings.profile.weights.some(([name]) => name === "visible"); // it measures its own tally_visible_ms
    try {
        tally.open({
            tag: run.tag, outcomes: topic.outcomes, kafka: topic.kafka, registry: topic.registry, timed: !seesItself,
            traces: topic.traces, tracedShare: settings.tracedShare,
        });
        return { ...run, poison: settings.profile.topic ? tally.poison() : [] };
    } catch (error) {
        exec.test.abort(`${error}: say where Kafka and the registry are with -e KAFKA=HOST:PORT and -e REGISTRY=URL`);
        throw error;
    }
}

/** @type {import("k6/x/tally").Draw | undefined} this user's own */
let additions;

/** @param {Run} run */
export default function iteration(run) {
    additions ??= tally.additions(run.tag, run.seed, exec.vu.idInTest);
    iterate(settings, run, certificates, sink);
}

/** @type {import("./k6/operations.js").Sink} */
const sink = {
    draw: () => {
        const { id, a, b, sum } = /** @type {import("k6/x/tally").Draw} */ (additions).next();
        return { id, a, b, sum: valueOf(sum) };
    },
    trace: (operation) => {
        const span = tally.startSpan(operation);
        return { id: span.traceId, sampled: span.sampled, traceparent: span.traceparent, end: () => span.end("") };
    },
    begin: (addition) => tally.begin(addition.id, textOf(addition.sum)),
    settle: (addition, outcome) => tally.settle(addition.id, outcome),
};

/** Give the verdict, as metrics: k6 judges its thresholds after this. @param {Run} run */
export function teardown(run) {
    const verdict = tally.finish(FINISH_S);
    if (verdict.judged) {
        poisonUnjudged.add(run.poison.filter((each) => !isInLedger(each)).length);
        console.log(
            `topic: ${verdict.records_read} records, lost ${verdict.lost}, doubled ${verdict.doubled}, wrong sum ` +
            `${verdict.wrong_sum}, refused but there ${verdict.refused_but_counted}, never sent ${verdict.never_sent}, ` +
            `poison ${verdict.poison_sent}, of it unjudged ${verdict.poison_unjudged}`,
        );
    }
    for (const problem of verdict.problems) {
        console.error(problem);
    }
    for (const [fault, ids] of Object.entries(verdict.examples)) {
        console.error(`${fault}: ${[...ids].join(", ")}`);
    }
    if (verdict.spans_lost > 0) {
        console.warn(`${verdict.spans_lost} spans could not be sent to ${topic.traces}`);
    }
}

/** Tell whether the ledger has a poisoned record with its verdict. @param {import("k6/x/tally").Poison} poison */
function isInLedger({ partition, offset, reason }) {
    const path = `/v1/entries?partition=${partition}&after=${offset - 1}&limit=1`;
    const answer = http.get(settings.rest + path, { tags: { name: "poison" } });
    if (answer.status !== 200) {
        return false;
    }
    const [entry] = /** @type {any} */ (answer.json()).entries;
    return entry?.offset === offset && entry.kind === "POISON" && entry.reason === reason;
}

/** @param {any} data */
export function handleSummary(data) {
    return summarise(data, settings, rules, topicPart(data));
}
