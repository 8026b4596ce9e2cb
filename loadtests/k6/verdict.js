// The verdict of a k6 without our extension: what users looked up, and how much the ledger grew. Pure.
//
// Each acknowledged addition is in the ledger once, so the ledger's count grows by at least as many, and by exactly as
// many, with exactly their sum, when nobody else adds and no outcome is unknown. Then the verdict is proven. Whatever
// else others may have added hides a doubled one from this script: `just load --k6` tells them apart by the run's ids.

import { ADDITIONS_MAX, textOf, valueOf } from "./exact.js";

/** @typedef {{count: number, total: string}} Total */
/**
 * @typedef {object} Seen
 * @property {string} tag
 * @property {number} sent
 * @property {number} acknowledged
 * @property {number} refused
 * @property {bigint} acknowledgedSum
 * @property {number} lookedUp
 * @property {number} lost
 * @property {number} wrongSum
 * @property {Total} before
 * @property {Total | null} after null when the total could not be read
 * @property {readonly string[]} undrained what the ledger had not reached in time
 */

/** Return the verdict, in the form of loadtests/judging/verdict.py. @param {Seen} seen */
export function verdictOf(seen) {
    const unknown = seen.sent - seen.acknowledged - seen.refused;
    const problems = [...seen.undrained];
    const after = seen.after ?? seen.before;
    const counted = after.count - seen.before.count;
    const countedSum = valueOf(after.total) - valueOf(seen.before.total);
    const missing = seen.acknowledged - counted;
    const exact = missing === 0 && countedSum === seen.acknowledgedSum;
    const notes = [];
    if (seen.after === null) {
        problems.push("the total could not be read after the load");
    } else if (missing > 0) {
        problems.push(`the ledger's count rose by ${counted}, less than the ${seen.acknowledged} acknowledged`);
    } else if (missing === 0 && unknown === 0 && !exact) {
        problems.push(
            `the ledger's total rose by ${textOf(countedSum)}, and the acknowledged sums make ` +
            textOf(seen.acknowledgedSum),
        );
    } else if (missing < 0) {
        notes.push(`the ledger's count rose by ${-missing} more than was acknowledged: unknown outcomes, others, or doubled`);
    }
    if (seen.acknowledged > ADDITIONS_MAX) {
        notes.push(`more than ${ADDITIONS_MAX} additions: their sum is not exact any more`);
    }
    const lost = Math.max(seen.lost, seen.after === null ? 0 : missing, 0);
    const proven = exact && unknown === 0 && problems.length === 0 && notes.length === 0;
    return {
        digest: {
            tag: seen.tag, acked: seen.acknowledged, refused: seen.refused, unknown,
            acked_sum: textOf(seen.acknowledgedSum),
        },
        counted, counted_sum: textOf(countedSum), unknown_counted: Math.min(Math.max(-missing, 0), unknown), lost,
        doubled: 0, wrong_sum: seen.wrongSum, refused_but_counted: 0, never_sent: 0, problems, examples: {},
        looked_up: seen.lookedUp, proven, notes, holds: problems.length === 0 && lost === 0 && seen.wrongSum === 0,
    };
}
