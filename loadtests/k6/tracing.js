// Trace contexts (W3C): a share of the iterations is sampled, so that a slow one leads to its trace. Pure.

/** @typedef {import("./random.js").Random} Random */
/** @typedef {{id: string, sampled: boolean, traceparent: string, end: () => void}} Trace */

/**
 * Return the trace of an iteration. One that is not sampled says so to the services, so that this script alone decides.
 * @param {Random} random @param {number} share
 * @returns {Trace}
 */
export function traceOf(random, share) {
    const sampled = random.float() < share;
    const id = random.hex(32);
    return { id, sampled, traceparent: `00-${id}-${random.hex(16)}-0${sampled ? 1 : 0}`, end: () => {} };
}
