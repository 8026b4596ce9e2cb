// The profiles: how many users or calls, for how long, doing what, and what must hold. Values as in
// loadtests/traffic/profiles.py; a test holds the two equal. Pure.
//
// A closed profile has users who wait for each answer and think before the next call (ramping VUs). An open one starts
// calls at a rate, whatever the answers do (ramping arrival rate).

/** @typedef {{durationS: number, target: number}} Stage users, or calls a second, at the stage's end */
/** @typedef {{figure: string, limit: number, equal: boolean}} Threshold the figure is at most, or exactly, the limit */
/**
 * @typedef {object} Profile
 * @property {string} name
 * @property {string} meaning
 * @property {number} start users, or calls a second, at the start
 * @property {readonly Stage[]} stages
 * @property {readonly (readonly [string, number])[]} weights operations, each with its weight
 * @property {number} thinkS the median of a log-normal pause; 0 is none
 * @property {boolean} open
 * @property {boolean} abort whether the first crossed threshold ends it
 * @property {boolean} topic whether the topic is read beside the load, which only the extension can do
 * @property {readonly Threshold[]} thresholds
 */

/** @type {readonly (readonly [string, number])[]} */
const MIXED = [
    ["add", 71], ["batch", 3], ["duplicate", 4], ["conflict", 2], ["invalid", 5], ["total", 7], ["lookup", 3],
    ["health", 5],
];

const UNEXPECTED = atMost("unexpected_share", 0.001);

/** @type {readonly Profile[]} */
export const ALL = [
    profile("smoke", "a few seconds: does everything work?", {
        thinkS: 0.05, stages: [[1, 5], [4, 5]], thresholds: latencies(250, 2000, 5000),
    }),
    profile("load", "an ordinary day", {
        thinkS: 0.5, stages: [[15, 200], [60, 200], [5, 0]], thresholds: latencies(100, 500, 1000),
    }),
    profile("peak", "thousands of users at once", {
        thinkS: 3, stages: [[20, 1000], [30, 3000], [45, 3000], [15, 0]], thresholds: latencies(500, 2500, 5000),
    }),
    profile("spike", "a crowd that comes within seconds and leaves", {
        thinkS: 1, start: 20, stages: [[10, 20], [3, 1000], [20, 1000], [3, 20], [20, 20]],
        thresholds: latencies(500, 2500, 5000),
    }),
    profile("soak", "an hour: does anything grow?", {
        thinkS: 0.5, stages: [[30, 100], [3600, 100]], thresholds: latencies(100, 500, 2000),
    }),
    profile("breakpoint", "more and more calls, until the first threshold breaks", {
        open: true, abort: true, start: 100, stages: [[100, 3100]], weights: [["add", 1]],
        thresholds: [atMost("add_p99_ms", 500), UNEXPECTED, exactly("dropped", 0)],
    }),
    profile("e2e", "from the call until the total has it", {
        thinkS: 0.1, weights: [["visible", 1]], stages: [[3, 20], [30, 20]],
        thresholds: [
            ...latencies(100, 500, 1000), atMost("visible_p95_ms", 1000), atMost("visible_p99_ms", 3000),
        ],
    }),
    profile("kafka", "reads the topic during the load, and produces poison on purpose", {
        thinkS: 0.2, topic: true, stages: [[3, 40], [20, 40], [2, 0]],
        thresholds: [
            ...latencies(100, 500, 1000), exactly("topic_missing", 0), exactly("topic_wrong", 0),
            exactly("poison_unjudged", 0),
        ],
    }),
];

/** Return how long a profile lasts unless it is ended before. @param {Profile} profile */
export function durationS(profile) {
    return profile.stages.reduce((sum, stage) => sum + stage.durationS, 0);
}

/** Return how many users, or calls a second, there should be at a time. @param {Profile} profile @param {number} atS */
export function targetAt(profile, atS) {
    let before = profile.start;
    let left = atS;
    for (const stage of profile.stages) {
        if (left < stage.durationS) {
            return before + ((stage.target - before) * left) / stage.durationS;
        }
        left -= stage.durationS;
        before = stage.target;
    }
    return before;
}

/**
 * Return the same profile with all durations, and all users or rates, times a factor. Users and rates stay whole, and
 * at least 1 where they were not 0.
 * @param {Profile} profile @param {number} timeFactor @param {number} usersFactor @returns {Profile}
 */
export function scaled(profile, timeFactor, usersFactor) {
    const users = (/** @type {number} */ target) => (target === 0 ? 0 : Math.max(1, Math.round(target * usersFactor)));
    return {
        ...profile,
        start: users(profile.start),
        stages: profile.stages.map((each) => ({
            durationS: each.durationS * timeFactor, target: users(each.target),
        })),
    };
}

/**
 * @param {string} name @param {string} meaning
 * @param {{stages: [number, number][], thresholds: Threshold[], thinkS?: number, start?: number, open?: boolean,
 *     abort?: boolean, topic?: boolean, weights?: [string, number][]}} rest
 * @returns {Profile}
 */
function profile(name, meaning, rest) {
    const stages = rest.stages.map(([seconds, target]) => ({ durationS: seconds, target }));
    return {
        name, meaning, start: 0, weights: MIXED, thinkS: 0, open: false, abort: false, topic: false, ...rest, stages,
    };
}

/** @param {number} p50 @param {number} p95 @param {number} p99 */
function latencies(p50, p95, p99) {
    return [atMost("add_p50_ms", p50), atMost("add_p95_ms", p95), atMost("add_p99_ms", p99), UNEXPECTED];
}

/** @param {string} figure @param {number} limit @returns {Threshold} */
function atMost(figure, limit) {
    return { figure, limit, equal: false };
}

/** @param {string} figure @param {number} limit @returns {Threshold} */
function exactly(figure, limit) {
    return { figure, limit, equal: true };
}
