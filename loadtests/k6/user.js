// A virtual user: connects once, then does one operation an iteration, proves a share of them, and thinks.

import { sleep } from "k6";
import exec from "k6/execution";

import * as calls from "./calls.js";
import { drawAddition } from "./draw.js";
import { noteCommon } from "./log.js";
import * as metrics from "./metrics.js";
import { operationOf } from "./mix.js";
import { OF_KNOWN, OPERATIONS, add, answered, known } from "./operations.js";
import { durationS, targetAt } from "./profiles.js";
import { Random } from "./random.js";
import { thinkS } from "./think.js";
import { traceOf } from "./tracing.js";
import { lookUp } from "./truth.js";

/** @typedef {import("./operations.js").Iteration} Iteration */
/** @typedef {import("./operations.js").Run} Run */
/** @typedef {import("./operations.js").Sink} Sink */
/** @typedef {import("./profiles.js").Profile} Profile */
/** @typedef {import("./settings.js").Settings} Settings */

const LOOK_UP_SHARE = 0.01; // of the acknowledged additions, beside the first of each user

let connected = false;
let lookedUp = false;

/** @type {Sink} a k6 without the extension keeps no list of its additions and sends no spans */
const NO_SINK = {
    draw: (random, tag) => drawAddition(random, tag),
    trace: (_, random, share) => traceOf(random, share),
    begin: () => {},
    settle: () => {},
};

/**
 * Do one iteration.
 * @param {Settings} settings @param {Run} run @param {string | null} certificates @param {Sink} [sink]
 */
export function iterate(settings, run, certificates, sink = NO_SINK) {
    const { profile } = settings;
    const number = exec.scenario.iterationInTest;
    const random = Random.of(run.seed, number);
    metrics.target.add(targetAt(profile, passedS()));
    if (connected || connect(settings, random, certificates)) {
        const operation = operationOf(profile, number, random);
        const trace = sink.trace(operation, random, settings.tracedShare);
        /** @type {Iteration} */
        const iteration = { settings, run, random, trace, sink, acknowledged: null };
        if (!OF_KNOWN.includes(operation) || known.length > 0 || add(iteration) !== null) {
            OPERATIONS[operation](iteration);
        }
        prove(iteration);
        trace.end();
    }
    const leftS = Math.max(0, durationS(profile) - passedS());
    sleep(Math.min(thinkS(random, profile.thinkS), leftS)); // nobody thinks on when the profile is over
}

/** @param {Settings} settings @param {Random} random @param {string | null} certificates */
function connect(settings, random, certificates) {
    sleep(random.float() * settings.profile.thinkS); // users do not come in step
    try {
        calls.connect(settings, certificates);
        connected = true;
    } catch (error) {
        noteCommon(`${settings.grpc} does not answer: ${calls.reasonOf(error)}`);
        answered("connect", "OK", calls.isInterruption(error) ? calls.INTERRUPTED : "EXCEPTION");
    }
    return connected;
}

/**
 * Look up the first acknowledged addition of each user, and a share of the others. In an open profile it is the first
 * of the run: a user who waits for the ledger there is missing where the next call is due.
 * @param {Iteration} iteration
 */
function prove({ acknowledged, settings, random, trace }) {
    const isFirst = settings.profile.open ? exec.scenario.iterationInTest === 0 : !lookedUp;
    if (acknowledged !== null && (isFirst || random.float() < LOOK_UP_SHARE)) {
        lookedUp = lookUp(acknowledged, settings, trace) || lookedUp;
    }
}

function passedS() {
    return (Date.now() - exec.scenario.startTime) / 1000;
}

