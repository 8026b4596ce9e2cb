// The whole ledger as REST tells it: its total before and after the load.

import exec from "k6/execution";
import http from "k6/http";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./verdict.js").Total} Total */

const CALL_S = 15;
const WAIT_MS = 10000;

/** Return the total before the load; end the run with one sentence when there is none. @param {Settings} settings @returns {Total} */
export function totalAtStart(settings) {
    const answer = http.get(`${settings.rest}/v1/total`, { timeout: `${CALL_S}s`, tags: { name: "total_at_start" } });
    if (answer.status !== 200) {
        const seen = answer.status === 0 ? answer.error : `status ${answer.status}`;
        exec.test.abort(
            `no Tally answers at ${settings.rest} (${seen}): start it with \`${settings.typedAs} up\`, or say where it is with -e REST=URL`,
        );
    }
    const body = /** @type {any} */ (answer.json());
    if (!body.complete) {
        exec.test.abort(`${settings.rest}/v1/total is not complete: \`${settings.typedAs} status\` tells which partition is in trouble`);
    }
    return { count: Number(body.count), total: String(body.total) };
}

/**
 * Wait until the ledger has every acknowledged position, for drainS at most in all, then read the total. Return what it
 * lacks as well.
 * @param {string} rest @param {readonly (readonly [number, number])[]} positions @param {number} drainS
 * @returns {{after: Total | null, undrained: string[]}}
 */
export function totalAtEnd(rest, positions, drainS) {
    const until = Date.now() + 1000 * drainS;
    const undrained = positions.filter(([partition, offset]) => !reached(rest, partition, offset, until)).map(
        ([partition, offset]) => `the ledger of partition ${partition} does not reach offset ${offset}`,
    );
    const answer = http.get(`${rest}/v1/total`, { timeout: `${CALL_S}s` });
    if (answer.status !== 200) {
        return { after: null, undrained };
    }
    const body = /** @type {any} */ (answer.json());
    return { after: { count: Number(body.count), total: String(body.total) }, undrained };
}

/** @param {string} rest @param {number} partition @param {number} offset @param {number} until ms since 1970 */
function reached(rest, partition, offset, until) {
    for (;;) {
        const waitMs = Math.max(0, Math.min(WAIT_MS, until - Date.now()));
        const url = `${rest}/v1/total?min_position=${partition}:${offset}&wait_ms=${waitMs}`;
        const { status } = http.get(url, { timeout: `${CALL_S}s` });
        if (status === 200) {
            return true;
        }
        if (waitMs === 0 || (status !== 503 && status !== 504)) {
            return false; // the time is over, or nobody is there: asking again at once would change nothing
        }
    }
}
