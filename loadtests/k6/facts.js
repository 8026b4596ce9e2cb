// What both load generators hold true: this one and loadtests/traffic/*.py. A test holds the two equal.
// Pure: nothing of k6 is imported, so Node can run it as well.

/** Longest wait for the answer to one call, in seconds. */
export const CALL_S = 30;

/** Additions in one AddBatch. */
export const BATCH = 5;

/** Operands that the contract forbids. */
export const INVALID = [["1e3", "1"], ["", "1"], ["1", "0.1234567891"], ["NaN", "1"], ["9".repeat(30), "1"]];

/** Paths that REST refuses with 400, and the share of invalid input that goes there. */
export const INVALID_PATHS = [
    "/v1/requests/nonsense", "/v1/total?min_position=nonsense", "/v1/entries?partition=nonsense",
];
export const INVALID_REST_SHARE = 0.25;

/** Statuses that say in every case that nothing was committed (docs/API.md). */
export const NOT_COMMITTED = ["INVALID_ARGUMENT", "OUT_OF_RANGE", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED", "ABORTED"];

/** A pause is the profile's median times exp(gauss(0, SIGMA)), and at most FACTOR_MAX times the median. */
export const THINK_SIGMA = 0.8;
export const THINK_FACTOR_MAX = 8;

/** A tenth of the operands is multiplied by a whole number below this: up to 25 digits before the point. */
export const LONG_SHARE = 0.1;
export const LONG_FACTOR_MAX = 1000000000000000000n;
export const OPERAND_UNITS_MAX = 1000000;

/** An open profile has at most so many calls under way; the next one is dropped and counted. */
export const IN_FLIGHT_MAX = 5000;

/** How long the profile e2e waits until the total has an addition. */
export const VISIBLE_WAIT_MS = 10000;

/** Partitions of tally.sums.v1: pinned by its contract. */
export const PARTITIONS = 12;

/** Digits after the point, and what one is in unscaled integers. */
export const SCALE = 9;
export const UNIT = 1000000000n;

export const TAG_DIGITS = 12;
