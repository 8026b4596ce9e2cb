// Our own metrics, beside those that k6 has: what became of the additions, exact sums, and the truth.

import { Counter, Gauge, Trend } from "k6/metrics";

import { LIMBS, limbsOf } from "./exact.js";
import { PARTITIONS } from "./facts.js";

export const sent = new Counter("tally_sent");
export const acknowledged = new Counter("tally_acknowledged");
export const refused = new Counter("tally_refused");
export const unexpected = new Counter("tally_unexpected");
export const lookedUp = new Counter("tally_looked_up");
export const notSeen = new Counter("tally_not_looked_up");
export const lost = new Counter("tally_lost");
export const wrongSum = new Counter("tally_wrong_sum");
export const visibleMs = new Trend("tally_visible_ms", true);
export const target = new Gauge("tally_target");

const sums = numbered(LIMBS).map((limb) => new Counter(`tally_sum_limb_${limb}`));
const positions = numbered(PARTITIONS).map((partition) => new Gauge(`tally_position_${partition}`));

/** Give each counter that a threshold wants above 0 a sample: k6 may pass over a metric that has none. */
export function startAtZero() {
    acknowledged.add(0);
    lookedUp.add(0);
}

/**
 * Count an acknowledged addition with its exact sum, and where its record is.
 * @param {bigint} sum unscaled @param {import("./calls.js").Position} position
 */
export function countAcknowledged(sum, position) {
    acknowledged.add(1);
    limbsOf(sum).forEach((limb, number) => sums[number].add(limb));
    positions[position.partition]?.add(position.offset);
}

/** @param {number} count */
function numbered(count) {
    return Array.from({ length: count }, (_, number) => number);
}
