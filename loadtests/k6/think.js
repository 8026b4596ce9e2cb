// Random delays: how long a user thinks between two calls. Pure.

import { THINK_FACTOR_MAX, THINK_SIGMA } from "./facts.js";

/** @typedef {import("./random.js").Random} Random */

/**
 * Return a log-normal pause in seconds: most are near the median, a few are long.
 * @param {Random} random @param {number} medianS 0 is none
 */
export function thinkS(random, medianS) {
    return medianS * Math.min(Math.exp(THINK_SIGMA * random.gauss()), THINK_FACTOR_MAX);
}
