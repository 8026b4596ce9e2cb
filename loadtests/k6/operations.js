// What a user does: each operation is one iteration, tells k6 what it saw, and knows which answer is the right one. A
// refusal that is expected is right; a success in its place is not. k6 gives each virtual user modules of its own, so
// what stands here at the top belongs to one user.

import { check } from "k6";

import * as calls from "./calls.js";
import { BATCH, INVALID, INVALID_PATHS, INVALID_REST_SHARE, VISIBLE_WAIT_MS } from "./facts.js";
import { codeOfAddition, codeOfDuplicate, outcomeOf } from "./judge.js";
import { note, noteCommon } from "./log.js";
import * as metrics from "./metrics.js";

/** @typedef {import("./calls.js").Answer} Answer */
/** @typedef {import("./calls.js").Position} Position */
/** @typedef {import("./draw.js").Addition} Addition */
/** @typedef {import("./random.js").Random} Random */
/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./tracing.js").Trace} Trace */
/** @typedef {{seed: number, tag: string}} Run what setup decided for all users */
/** @typedef {{addition: Addition, position: Position}} Known */
/**
 * @typedef {object} Iteration
 * @property {Settings} settings
 * @property {Run} run
 * @property {Random} random
 * @property {Trace} trace
 * @property {Sink} sink
 * @property {Known | null} acknowledged the addition that this iteration made
 */
/**
 * Draws additions and traces, and is told of each addition: before it is sent, and what became of it.
 * @typedef {object} Sink
 * @property {(random: Random, tag: string) => Addition} draw
 * @property {(operation: string, random: Random, share: number) => Trace} trace
 * @property {(addition: Addition) => void} begin
 * @property {(addition: Addition, outcome: import("./judge.js").Outcome) => void} settle
 */

const REMEMBERED = 10; // so few that the producer still knows them: they are used again

/** @type {Known[]} the newest acknowledged additions of this user */
export const known = [];

/** @type {Readonly<Record<string, (iteration: Iteration) => void>>} */
export const OPERATIONS = { add, batch, duplicate, conflict, invalid, total, lookup, health, visible };

/** Operations that use an addition again; without one they add first. */
export const OF_KNOWN = ["duplicate", "conflict", "lookup"];

/** Add a pair of numbers. @param {Iteration} iteration @returns {Known | null} null when it is not acknowledged */
export function add(iteration) {
    const addition = iteration.sink.draw(iteration.random, iteration.run.tag);
    begin(iteration, [addition]);
    const answer = timed(iteration, "add", () => calls.add(addition.id, addition.a, addition.b, "add", iteration.trace));
    answered("add", "OK", codeOfAddition(addition, answer));
    iteration.acknowledged = settle(iteration, addition, answer);
    if (iteration.acknowledged !== null) {
        remember(iteration.acknowledged);
    }
    return iteration.acknowledged;
}

/** Several in one call: each has a status and an outcome of its own. @param {Iteration} iteration */
function batch(iteration) {
    const additions = Array.from({ length: BATCH }, () => iteration.sink.draw(iteration.random, iteration.run.tag));
    begin(iteration, additions);
    const answers = timed(iteration, "batch", () => calls.addBatch(additions, iteration.trace));
    const codes = additions.map((addition, number) => codeOfAddition(addition, answers[number]));
    answered("batch", "OK", codes.find((code) => code !== "OK") ?? "OK");
    additions.forEach((addition, number) => settle(iteration, addition, answers[number]));
}

/** The same again: OK, with the same sum, and known as a duplicate. @param {Iteration} iteration */
function duplicate(iteration) {
    const { addition } = iteration.random.choice(known);
    const answer = timed(iteration, "duplicate", () =>
        calls.add(addition.id, addition.a, addition.b, "duplicate", iteration.trace));
    answered("duplicate", "OK", codeOfDuplicate(addition, answer));
}

/** The same id with other operands: refused. @param {Iteration} iteration */
function conflict(iteration) {
    const { addition } = iteration.random.choice(known);
    const other = addition.b === "77.5" ? "78" : "77.5";
    const answer = timed(iteration, "conflict", () =>
        calls.add(addition.id, addition.a, other, "conflict", iteration.trace));
    answered("conflict", "ALREADY_EXISTS", answer.code);
}

/** What the contract does not allow, or a path that REST does not: refused. @param {Iteration} iteration */
function invalid(iteration) {
    const { random, run, sink, trace } = iteration;
    if (random.float() < INVALID_REST_SHARE) {
        asked(iteration, "invalid_rest", random.choice(INVALID_PATHS), [400]);
        return;
    }
    const [a, b] = random.choice(INVALID);
    const { id } = sink.draw(random, run.tag);
    const answer = timed(iteration, "invalid", () => calls.add(id, a, b, "invalid", trace));
    answered("invalid", "INVALID_ARGUMENT", answer.code);
}

/** @param {Iteration} iteration */
function total(iteration) {
    asked(iteration, "total", "/v1/total", [200]);
}

/** Where one addition was counted: found, or not counted yet. @param {Iteration} iteration */
function lookup(iteration) {
    asked(iteration, "lookup", `/v1/requests/${iteration.random.choice(known).addition.id}`, [200, 404]);
}

/** @param {Iteration} iteration */
function health(iteration) {
    asked(iteration, "health", "/health/ready", [200]);
}

/** Add, then wait until the total has it: the time from the call to that moment. @param {Iteration} iteration */
function visible(iteration) {
    const startedMs = Date.now();
    const acknowledged = add(iteration);
    if (acknowledged !== null) {
        const { partition, offset } = acknowledged.position;
        const path = `/v1/total?min_position=${partition}:${offset}&wait_ms=${VISIBLE_WAIT_MS}`;
        if (asked(iteration, "read_own_write", path, [200])) {
            metrics.visibleMs.add(Date.now() - startedMs);
        }
    }
}

/**
 * Count what is about to be sent: an iteration that k6 interrupts leaves an unknown outcome.
 * @param {Iteration} iteration @param {readonly Addition[]} additions
 */
function begin(iteration, additions) {
    metrics.sent.add(additions.length);
    additions.forEach((addition) => iteration.sink.begin(addition));
}

/** @param {Iteration} iteration @param {Addition} addition @param {Answer} answer @returns {Known | null} */
function settle(iteration, addition, answer) {
    const outcome = outcomeOf(answer);
    iteration.sink.settle(addition, outcome);
    if (answer.committed !== null) {
        const { position } = answer.committed;
        metrics.countAcknowledged(addition.sum, position);
        if (codeOfAddition(addition, answer) === "WRONG_SUM") {
            metrics.wrongSum.add(1);
        }
        return { addition, position };
    }
    if (outcome === "refused") {
        metrics.refused.add(1);
    }
    return null;
}

/** @param {Known} acknowledged */
function remember(acknowledged) {
    known.push(acknowledged);
    if (known.length > REMEMBERED) {
        known.shift();
    }
}

/** @param {Iteration} iteration @param {string} operation @param {string} path @param {number[]} expected statuses */
function asked(iteration, operation, path, expected) {
    const { settings, trace } = iteration;
    const answer = timed(iteration, operation, () => calls.get(settings.rest + path, operation, trace, expected));
    const right = expected.includes(answer.status);
    const code = calls.isInterruption(answer.error) ? calls.INTERRUPTED : String(answer.status);
    answered(operation, expected.join(" or "), right ? expected.join(" or ") : code);
    return right;
}

/**
 * Check an answer: exactly one check an answer, so the rate of k6's checks is the share of expected ones.
 * @param {string} operation @param {string} expected @param {string} code
 */
export function answered(operation, expected, code) {
    if (code === calls.INTERRUPTED) {
        return;
    }
    const right = check(code, { [`${operation} ${expected}`]: (seen) => seen === expected });
    if (!right) {
        metrics.unexpected.add(1, { operation, code });
        noteCommon(`${operation} was answered ${code} instead of ${expected}`);
    }
}

/**
 * Do a call; when it is slow and sampled, tell its trace.
 * @template T @param {Iteration} iteration @param {string} operation @param {() => T} call @returns {T}
 */
function timed(iteration, operation, call) {
    const startedMs = Date.now();
    const answer = call();
    const ms = Date.now() - startedMs;
    if (iteration.trace.sampled && ms >= iteration.settings.slowMs) {
        note(`slow: ${operation} took ${ms} ms, trace ${iteration.trace.id} (${iteration.settings.typedAs} run tally trace ID)`);
    }
    return answer;
}
