// The additions of a run: ids that bear the run's tag, operands of every length, exact sums. Pure.

import { textOf } from "./exact.js";
import { LONG_FACTOR_MAX, LONG_SHARE, OPERAND_UNITS_MAX, UNIT } from "./facts.js";

/** @typedef {import("./random.js").Random} Random */
/** @typedef {{id: string, a: string, b: string, sum: bigint}} Addition the sum is unscaled */

const OPERAND_LIMIT = OPERAND_UNITS_MAX * Number(UNIT);

/** Return a new addition of a run. @param {Random} random @param {string} tag 12 hexadecimal digits */
export function drawAddition(random, tag) {
    const [a, b] = [operand(random), operand(random)];
    return { id: idOf(random, tag), a: textOf(a), b: textOf(b), sum: a + b };
}

/** Return a UUID of version 8 (RFC 9562): the run's tag, then 74 random bits. @param {Random} random @param {string} tag */
export function idOf(random, tag) {
    const digits = random.hex(20);
    const variant = "89ab"[parseInt(digits[4], 16) & 3];
    return `${tag.slice(0, 8)}-${tag.slice(8)}-8${digits.slice(1, 4)}-${variant}${digits.slice(5, 8)}-${digits.slice(8)}`;
}

/** @param {Random} random @returns {bigint} */
function operand(random) {
    const value = BigInt(random.below(2 * OPERAND_LIMIT) - OPERAND_LIMIT);
    return random.float() < LONG_SHARE ? value * longFactor(random) : value;
}

/** @param {Random} random @returns {bigint} from 1 to below LONG_FACTOR_MAX */
function longFactor(random) {
    const half = 10 ** 9;
    const factor = (BigInt(random.below(half)) * BigInt(half) + BigInt(random.below(half))) % LONG_FACTOR_MAX;
    return factor || 1n;
}
