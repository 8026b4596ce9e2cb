// The truth, seen by a virtual user: what was acknowledged to it is in the ledger, with its sum.

import * as calls from "./calls.js";
import { textOf } from "./exact.js";
import { note } from "./log.js";
import * as metrics from "./metrics.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./tracing.js").Trace} Trace */
/** @typedef {import("./operations.js").Known} Known */

const WAIT_MS = 10000;

/**
 * Wait until the ledger has the addition's position, then look the addition up: it must be counted, at that position
 * or an earlier one, with the sum that was answered. Return false when REST gave no answer that says either.
 * @param {Known} known @param {Settings} settings @param {Trace} trace
 */
export function lookUp(known, settings, trace) {
    const { addition, position } = known;
    const place = `${position.partition}:${position.offset}`;
    const waited = calls.get(
        `${settings.rest}/v1/total?min_position=${place}&wait_ms=${WAIT_MS}`, "truth_wait", trace, [200, 503, 504],
    );
    const found = waited.status === 200
        ? calls.get(`${settings.rest}/v1/requests/${addition.id}`, "truth_lookup", trace, [200, 404, 503])
        : waited;
    if (waited.status === 200 && found.status === 404) {
        metrics.lookedUp.add(1);
        metrics.lost.add(1);
        note(`LOST: ${addition.id} was acknowledged at ${place}, and the ledger does not have it`);
        return true;
    }
    if (found.status !== 200 || waited.status !== 200) {
        metrics.notSeen.add(1);
        return false;
    }
    metrics.lookedUp.add(1);
    const sum = String(found.json("sum"));
    if (sum !== textOf(addition.sum)) {
        metrics.wrongSum.add(1);
        note(`WRONG SUM: ${addition.id} has ${sum} in the ledger instead of ${textOf(addition.sum)}`);
    }
    return true;
}
