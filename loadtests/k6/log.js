// Lines about single calls, bounded: a system in trouble must not drown its own report.

import exec from "k6/execution";

const LINES_MAX = 5; // of each user
const TALKING_USERS = 20; // what a thousand users see alike, these tell

let lines = 0;

/** Tell what is worth a line whoever saw it: a slow call with its trace, a lost addition. @param {string} line */
export function note(line) {
    lines += 1;
    if (lines <= LINES_MAX) {
        const more = lines === LINES_MAX ? ": the last line of this user" : "";
        console.warn(`${line}; user ${exec.vu.idInTest}${more}`);
    }
}

/** Tell what many users may see alike, such as an unexpected answer; the metrics count all of them. @param {string} line */
export function noteCommon(line) {
    if (exec.vu.idInTest <= TALKING_USERS) {
        note(line);
    }
}
