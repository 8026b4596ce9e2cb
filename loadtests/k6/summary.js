// The summary of a run: the JSON that `just load-compare` reads, and the text on the screen. Pure.

import { LIMBS, sumOfLimbs } from "./exact.js";
import { PARTITIONS } from "./facts.js";
import { GRPC_OPERATIONS, REST_OPERATIONS, UNEXPECTED_CODES } from "./options.js";

/** @typedef {import("./options.js").Rule} Rule */
/** @typedef {import("./profiles.js").Profile} Profile */
/** @typedef {ReturnType<typeof import("./verdict.js").verdictOf>} Verdict */
/** @typedef {{values: Record<string, number>, thresholds?: Record<string, {ok: boolean}>}} Metric */
/** @typedef {{name: string, passes: number, fails: number}} Check */
/**
 * What k6 hands to handleSummary.
 * @typedef {object} Data
 * @property {Record<string, Metric>} metrics
 * @property {{checks: Check[]}} root_group
 * @property {{testRunDurationMs: number}} state
 * @property {any} [setup_data]
 */

/** Return what the counters say. @param {Data} data */
export function countsOf(data) {
    const count = (/** @type {string} */ name) => valueOf(data, name, "count");
    const acknowledged = count("tally_acknowledged");
    const limbs = Array.from({ length: LIMBS }, (_, limb) => count(`tally_sum_limb_${limb}`));
    return {
        sent: count("tally_sent"), acknowledged, refused: count("tally_refused"),
        acknowledgedSum: sumOfLimbs(limbs, acknowledged), lookedUp: count("tally_looked_up"), lost: count("tally_lost"),
        wrongSum: count("tally_wrong_sum"),
    };
}

/** Return the last acknowledged offset of each partition that has one. @param {Data} data @returns {[number, number][]} */
export function positionsOf(data) {
    return Array.from({ length: PARTITIONS }, (_, partition) => partition).flatMap((partition) => {
        const metric = data.metrics[`tally_position_${partition}`];
        return metric === undefined ? [] : [/** @type {[number, number]} */ ([partition, metric.values.max])];
    });
}

/**
 * Return the figures, named as in our own reports; times in ms.
 * @param {Data} data @returns {Record<string, number>}
 */
export function figuresOf(data) {
    const value = (/** @type {string} */ name, /** @type {string} */ field) => valueOf(data, name, field);
    const [right, wrong] = [value("checks", "passes"), value("checks", "fails")];
    const lastedS = data.state.testRunDurationMs / 1000;
    return {
        calls: right + wrong,
        dropped: value("dropped_iterations", "count"),
        unexpected_share: right + wrong === 0 ? 0 : wrong / (right + wrong),
        ...Object.assign({}, ...GRPC_OPERATIONS.map((each) => latencies(data, each, "grpc_req_duration"))),
        ...Object.assign({}, ...REST_OPERATIONS.map((each) => latencies(data, each, "http_req_duration"))),
        ...quantiles("visible", data.metrics.tally_visible_ms),
        lasted_s: rounded(lastedS, 1),
        calls_per_s: lastedS === 0 ? 0 : rounded((right + wrong) / lastedS, 1),
        target_max: rounded(value("tally_target", "max"), 1),
        in_flight_max: value("vus", "max"),
        iterations: value("iterations", "count"),
        looked_up: value("tally_looked_up", "count"),
        not_looked_up: value("tally_not_looked_up", "count"),
    };
}

/**
 * Return the summary in the form of loadtests/run.py.
 * @param {Data} data @param {readonly Rule[]} rules
 * @param {{profile: Profile, seed: number, tag: string, startedAt: string}} run
 * @param {Verdict} verdict
 */
export function summaryOf(data, rules, run, verdict) {
    const figures = figuresOf(data);
    const crossed = rules.filter((rule) => data.metrics[rule.metric]?.thresholds?.[rule.expression]?.ok === false);
    const broken = crossed.map((rule) => (rule.figure in figures ? `${rule.title}: ${short(figures[rule.figure])}` : rule.title));
    const broke = run.profile.abort && crossed.length > 0;
    return {
        profile: run.profile.name, generator: "k6", limit: false, seed: run.seed, tag: run.tag, started_at: run.startedAt,
        machine: { generator: "k6" }, exit_code: verdict.holds ? (broken.length > 0 ? 99 : 0) : 1, verdict,
        thresholds: rules.map((rule) => rule.title), broken,
        figures: {
            ...figures, counted_for_others: Math.max(0, verdict.counted - verdict.digest.acked),
            ...(broke ? { broke_at_calls_per_s: rounded(valueOf(data, "tally_target", "value"), 1) } : {}),
        },
        codes: Object.fromEntries(checksOf(data).filter((each) => each.passes > 0).map((each) => [each.name, each.passes])),
        unexpected: unexpectedOf(data), cpu_cores: {}, slowest_traced: [], warnings: verdict.notes,
        positions: Object.fromEntries(positionsOf(data)),
    };
}

/** Return the text for the screen. @param {ReturnType<typeof summaryOf>} summary @param {string} file */
export function textOf(summary, file) {
    const { verdict, figures } = summary;
    const { acked, unknown } = verdict.digest;
    const word = verdict.holds ? (verdict.proven ? "HOLDS" : "HOLDS AS FAR AS LOOKED UP") : "BROKEN";
    const lines = [
        "",
        `verdict ${word}: lost ${verdict.lost}, wrong sum ${verdict.wrong_sum}; ${acked} acknowledged, ${unknown} unknown, ` +
        `the ledger grew by ${verdict.counted}; ${verdict.looked_up} looked up`,
        ...verdict.problems.map((each) => `  ${each}`),
        ...verdict.notes.map((each) => `  ${each}`),
        summary.broken.length > 0 ? `thresholds: ${summary.broken.join("; ")} CROSSED` : "thresholds: all kept",
        "",
        ...Object.entries(figures).map(([name, value]) => `  ${name.padEnd(24)} ${short(value).padStart(14)}`),
        "",
        ...Object.entries(summary.codes).map(([name, count]) => `  ${name.padEnd(32)} ${String(count).padStart(8)}`),
        ...Object.entries(summary.unexpected).map(([name, count]) => `  UNEXPECTED ${name}: ${count}`),
        "",
        `summary: ${file}`,
        "",
    ];
    return lines.join("\n");
}

/** @param {Data} data @returns {Record<string, number>} by operation, then by what came instead */
function unexpectedOf(data) {
    const byCheck = checksOf(data).filter((each) => each.fails > 0).map((each) => [`not ${each.name}`, each.fails]);
    const byCode = UNEXPECTED_CODES.map((code) => [code, valueOf(data, `tally_unexpected{code:${code}}`, "count")]);
    return Object.fromEntries([...byCheck, ...byCode.filter(([, count]) => count !== 0)]);
}

/** @param {Data} data @returns {Check[]} */
function checksOf(data) {
    return Object.values(data.root_group?.checks ?? []);
}

/** @param {Data} data @param {string} operation @param {string} metric */
function latencies(data, operation, metric) {
    return quantiles(operation, data.metrics[`${metric}{operation:${operation}}`]);
}

/** @param {string} name @param {Metric | undefined} metric @returns {Record<string, number>} none without a sample */
function quantiles(name, metric) {
    if (!metric?.values.count) {
        return {};
    }
    const { values } = metric;
    return {
        [`${name}_p50_ms`]: rounded(values.med, 2), [`${name}_p95_ms`]: rounded(values["p(95)"], 2),
        [`${name}_p99_ms`]: rounded(values["p(99)"], 2), [`${name}_max_ms`]: rounded(values.max, 2),
    };
}

/** @param {Data} data @param {string} name @param {string} field */
function valueOf(data, name, field) {
    return data.metrics[name]?.values[field] ?? 0;
}

/** @param {number} value @param {number} digits */
function rounded(value, digits) {
    return Math.round(value * 10 ** digits) / 10 ** digits;
}

/** @param {number} value */
function short(value) {
    return String(Number(value.toPrecision(6)));
}
