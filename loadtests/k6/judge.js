// What became of an addition, and whether an answer is the right one. A refusal that is expected is right; a success in
// its place is not. Pure.

import { textOf } from "./exact.js";
import { NOT_COMMITTED } from "./facts.js";

/** @typedef {import("./calls.js").Answer} Answer */
/** @typedef {import("./draw.js").Addition} Addition */
/** @typedef {"acknowledged" | "refused" | "unknown"} Outcome what its caller may conclude */

/** @param {Answer} answer @returns {Outcome} */
export function outcomeOf(answer) {
    if (answer.committed !== null) {
        return "acknowledged";
    }
    return NOT_COMMITTED.includes(answer.code) ? "refused" : "unknown";
}

/**
 * Return the code of an answer to an addition, or what is wrong with one that is OK.
 * @param {Addition} addition @param {Answer} answer
 */
export function codeOfAddition(addition, answer) {
    return answer.committed !== null && answer.committed.sum !== textOf(addition.sum) ? "WRONG_SUM" : answer.code;
}

/** The same, of an addition that was committed before. @param {Addition} addition @param {Answer} answer */
export function codeOfDuplicate(addition, answer) {
    const code = codeOfAddition(addition, answer);
    return code === "OK" && !answer.committed?.duplicate ? "NOT_RECOGNISED" : code;
}
