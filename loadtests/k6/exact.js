// Exact decimals: text outside, unscaled BigInt inside, as tally/event/decimals.py has them; and sums that survive a k6
// Counter, which adds up in 64-bit floats. Pure.
//
// A float counts whole numbers exactly below 2**53. So a sum is shifted until it cannot be negative and cut into
// limbs of 24 bits, and each limb goes to a Counter of its own: 2**29 additions (536 million) stay exact.

import { SCALE, UNIT } from "./facts.js";

export const LIMBS = 5;
export const ADDITIONS_MAX = 2 ** 29;

const LIMB_BITS = 24n;
const LIMB_MASK = (1n << LIMB_BITS) - 1n;

/** Added to each sum before it is cut: sums of this generator have less than 112 bits. */
const OFFSET = 1n << 119n;

/** Return the canonical text: no leading or trailing zeros, no minus zero. @param {bigint} unscaled */
export function textOf(unscaled) {
    const size = unscaled < 0n ? -unscaled : unscaled;
    const fraction = (size % UNIT).toString().padStart(SCALE, "0").replace(/0+$/, "");
    return `${unscaled < 0n ? "-" : ""}${size / UNIT}${fraction && `.${fraction}`}`;
}

/** Return the unscaled value of a text that follows the contract's grammar. @param {string} text */
export function valueOf(text) {
    const [whole, fraction = ""] = text.split(".");
    return BigInt(whole + fraction.padEnd(SCALE, "0"));
}

/** Return a sum as limbs, the lowest first; each is a number from 0 to below 2**24. @param {bigint} sum */
export function limbsOf(sum) {
    let rest = sum + OFFSET;
    const limbs = [];
    for (let number = 0; number < LIMBS; number++) {
        limbs.push(Number(rest & LIMB_MASK));
        rest >>= LIMB_BITS;
    }
    if (rest !== 0n) {
        throw new Error(`a sum of ${sum} units does not fit into ${LIMBS} limbs`);
    }
    return limbs;
}

/**
 * Return the exact sum of many additions, from the sums of their limbs.
 * @param {readonly number[]} limbs @param {number} additions how many there were
 */
export function sumOfLimbs(limbs, additions) {
    let sum = -OFFSET * BigInt(additions);
    limbs.forEach((limb, number) => {
        sum += BigInt(limb) << (LIMB_BITS * BigInt(number));
    });
    return sum;
}
