// Lines about single calls, at most so many of each virtual user: a system in trouble must not drown its own report.

import exec from "k6/execution";

const LINES_MAX = 5;

let lines = 0;

/** @param {string} line */
export function note(line) {
    lines += 1;
    if (lines <= LINES_MAX) {
        const more = lines === LINES_MAX ? " (the last line of this virtual user)" : "";
        console.warn(`${line}; user ${exec.vu.idInTest}${more}`);
    }
}
