// What k6 is told of a profile: one scenario and its thresholds. Pure.

import { IN_FLIGHT_MAX } from "./facts.js";
import { durationS } from "./profiles.js";

/** @typedef {import("./profiles.js").Profile} Profile */
/** @typedef {import("./profiles.js").Threshold} Threshold */
/**
 * @typedef {object} Rule
 * @property {string} metric as k6 names it, with a tag where it is a part of one
 * @property {string} expression
 * @property {string} title as our own reports write it
 * @property {string} figure the figure of the summary that it is about
 */

export const GRPC_OPERATIONS = ["add", "batch", "duplicate", "conflict", "invalid"];
export const REST_OPERATIONS = ["invalid_rest", "total", "lookup", "health", "read_own_write"];
export const UNEXPECTED_CODES = [
    "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED", "EXCEPTION", "OK", "WRONG_SUM", "NOT_RECOGNISED", "0", "200", "400", "404", "500",
    "502", "503", "504",
];

/** An iteration is a pause of 24 s and two calls of 30 s at the longest. */
const GRACEFUL_S = 90;
/**
 * Users that an open profile has from the start, as seconds of its highest rate: so many calls are under way when each
 * takes a tenth of a second. Each connects in its first iteration, so more of them would only measure connecting.
 */
const PRE_ALLOCATED_S = 0.1;
const PRE_ALLOCATED_MIN = 10;
/** One slow second is no breakpoint. */
const DELAY_ABORT_S = 5;

/**
 * Thresholds of every profile beside its own: the truth, and that there was something to judge.
 * @type {readonly Rule[]}
 */
const TRUTH = [
    { metric: "tally_lost", expression: "count==0", title: "lost = 0", figure: "lost" },
    { metric: "tally_wrong_sum", expression: "count==0", title: "wrong_sum = 0", figure: "wrong_sum" },
    { metric: "tally_looked_up", expression: "count>0", title: "looked_up > 0", figure: "looked_up" },
    { metric: "tally_acknowledged", expression: "count>0", title: "acknowledged > 0", figure: "acknowledged" },
];

/**
 * Return the rules of a profile.
 * @param {Profile} profile
 * @param {(threshold: Threshold) => Rule | null} [more] thresholds that only the extension knows
 */
export function rulesOf(profile, more = () => null) {
    return [...profile.thresholds.map((each) => ruleOf(each) ?? more(each) ?? unknown(each)), ...TRUTH];
}

/**
 * Return the options of a run.
 * @param {Profile} profile @param {readonly Rule[]} rules
 */
export function optionsOf(profile, rules) {
    return {
        scenarios: { [profile.name]: profile.open ? arrivals(profile) : users(profile) },
        thresholds: thresholdsOf(profile, rules),
        summaryTrendStats: ["count", "avg", "min", "med", "p(95)", "p(99)", "max"],
        setupTimeout: "60s",
        handleSummaryTimeout: "300s",
        userAgent: "tally-load-k6",
    };
}

/** Ramping VUs: users come and go in a straight line from stage to stage. @param {Profile} profile */
function users(profile) {
    return {
        executor: "ramping-vus",
        startVUs: profile.start,
        stages: stages(profile),
        gracefulRampDown: `${GRACEFUL_S}s`,
        gracefulStop: `${GRACEFUL_S}s`,
    };
}

/** Ramping arrival rate: calls start when they are due, whatever the answers do. @param {Profile} profile */
function arrivals(profile) {
    const most = Math.max(profile.start, ...profile.stages.map((each) => each.target));
    return {
        executor: "ramping-arrival-rate",
        startRate: profile.start,
        timeUnit: "1s",
        stages: stages(profile),
        preAllocatedVUs: Math.max(PRE_ALLOCATED_MIN, Math.min(Math.ceil(most * PRE_ALLOCATED_S), IN_FLIGHT_MAX)),
        maxVUs: IN_FLIGHT_MAX,
        gracefulStop: `${GRACEFUL_S}s`,
    };
}

/** @param {Profile} profile */
function stages(profile) {
    return profile.stages.map((each) => ({
        duration: `${Math.max(1, Math.round(each.durationS * 1000))}ms`, target: each.target,
    }));
}

/**
 * Return k6's thresholds: the rules, and for all other parts of a metric one that always holds, because k6 hands a
 * part to handleSummary only when a threshold names it.
 * @param {Profile} profile @param {readonly Rule[]} rules
 */
function thresholdsOf(profile, rules) {
    /** @type {Record<string, (string | {threshold: string, abortOnFail: boolean, delayAbortEval: string})[]>} */
    const thresholds = {};
    for (const operation of GRPC_OPERATIONS) {
        thresholds[`grpc_req_duration{operation:${operation}}`] = ["max>=0"];
    }
    for (const operation of REST_OPERATIONS) {
        thresholds[`http_req_duration{operation:${operation}}`] = ["max>=0"];
    }
    for (const code of UNEXPECTED_CODES) {
        thresholds[`tally_unexpected{code:${code}}`] = ["count>=0"];
    }
    for (const rule of rules) {
        const before = (thresholds[rule.metric] ?? []).filter((each) => each !== "max>=0");
        const abort = profile.abort && !TRUTH.includes(rule);
        thresholds[rule.metric] = [...before, abort ? aborting(profile, rule) : rule.expression];
    }
    return thresholds;
}

/** @param {Profile} profile @param {Rule} rule */
function aborting(profile, rule) {
    const delayS = Math.min(DELAY_ABORT_S, durationS(profile) / 4);
    return { threshold: rule.expression, abortOnFail: true, delayAbortEval: `${Math.round(delayS * 1000)}ms` };
}

/** @param {Threshold} threshold @returns {Rule | null} */
function ruleOf(threshold) {
    const { figure, limit } = threshold;
    const title = `${figure} ${threshold.equal ? "=" : "<="} ${limit}`;
    const compared = `${threshold.equal ? "==" : "<="}${limit}`;
    if (figure === "unexpected_share") {
        return { metric: "checks", expression: `rate>=${1 - limit}`, title, figure };
    }
    if (figure === "dropped") {
        return { metric: "dropped_iterations", expression: `count${compared}`, title, figure };
    }
    const latency = /^(add|visible)_p(50|95|99)_ms$/.exec(figure);
    if (latency === null) {
        return null;
    }
    const metric = latency[1] === "add" ? "grpc_req_duration{operation:add}" : "tally_visible_ms";
    return { metric, expression: `${latency[2] === "50" ? "med" : `p(${latency[2]})`}${compared}`, title, figure };
}

/** @param {Threshold} threshold @returns {never} */
function unknown(threshold) {
    throw new Error(`this script has no metric for the threshold on ${threshold.figure}`);
}
