// The calls of one virtual user: gRPC and REST. Each answer comes as a code in text.
//
// The contract is read from a file, because a thousand users who ask for it by reflection within a second keep a
// producer busy for longer than their load does (seen). Where k6 cannot read the file, each user asks by reflection.

import grpc from "k6/net/grpc";
import http from "k6/http";

import { CALL_S } from "./facts.js";
import { noteCommon } from "./log.js";

/** @typedef {import("./draw.js").Addition} Addition */
/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./tracing.js").Trace} Trace */
/** @typedef {{partition: number, offset: number}} Position */
/** @typedef {{sum: string, duplicate: boolean, position: Position}} Committed */
/** @typedef {{code: string, committed: Committed | null}} Answer to one addition; committed when the code is OK */

const SERVICE = "tally.v1.TallyService";
const CONNECT_S = 10;

/** Names of gRPC's statuses, by number. */
const STATUSES = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

/** The code of a call that k6 itself ended, because the run is over: nobody's fault, and its outcome is unknown. */
export const INTERRUPTED = "CANCELLED";

const CONTRACT = "tally.protoset"; // beside the script; `just gen` writes it

const client = new grpc.Client();
const prober = new grpc.Client();
const hasContract = readContract();

/**
 * Connect, once for all calls of this user. Throws when nobody answers.
 * @param {Settings} settings @param {string | null} certificates what GRPC_CACERT has
 */
export function connect(settings, certificates) {
    client.connect(settings.grpc, connection(settings, certificates, !hasContract));
}

/**
 * Look whether the service is there and tells its contract by reflection. Throws when it does not.
 * @param {Settings} settings @param {string | null} certificates
 */
export function probe(settings, certificates) {
    prober.connect(settings.grpc, connection(settings, certificates, true));
    prober.close();
}

/** @returns {boolean} */
function readContract() {
    try {
        client.loadProtoset(CONTRACT);
        return true;
    } catch (error) {
        return false;
    }
}

/** @param {Settings} settings @param {string | null} certificates @param {boolean} reflect @returns {any} */
function connection(settings, certificates, reflect) {
    const tls = certificates === null ? {} : { tls: { cacerts: [certificates] } };
    return { plaintext: !settings.tls, reflect, timeout: `${CONNECT_S}s`, ...tls };
}

/**
 * Call Add.
 * @param {string} id @param {string} a @param {string} b @param {string} operation @param {Trace} trace
 * @returns {Answer}
 */
export function add(id, a, b, operation, trace) {
    const answer = invoke("Add", { requestId: id, a, b }, operation, trace);
    return answered(answer.code, answer.message);
}

/**
 * Call AddBatch; each addition has an answer of its own.
 * @param {readonly Addition[]} additions @param {Trace} trace
 * @returns {Answer[]}
 */
export function addBatch(additions, trace) {
    const request = { additions: additions.map(({ id, a, b }) => ({ requestId: id, a, b })) };
    const answer = invoke("AddBatch", request, "batch", trace);
    const results = answer.message?.results ?? [];
    return additions.map((_, number) => {
        const result = results[number];
        if (answer.code !== "OK" || result === undefined) {
            return answered(answer.code === "OK" ? "EXCEPTION" : answer.code, null);
        }
        return answered(nameOf(result.status?.code ?? 0), result.response);
    });
}

/**
 * Ask REST.
 * @param {string} url @param {string} operation @param {Trace} trace @param {readonly number[]} expected statuses
 */
export function get(url, operation, trace, expected) {
    return http.get(url, {
        headers: { traceparent: trace.traceparent },
        tags: { operation, name: operation },
        timeout: `${CALL_S}s`,
        responseCallback: http.expectedStatuses(...expected),
    });
}

/**
 * @param {string} method @param {object} request @param {string} operation @param {Trace} trace
 * @returns {{code: string, message: any}}
 */
function invoke(method, request, operation, trace) {
    try {
        const answer = client.invoke(`${SERVICE}/${method}`, request, {
            metadata: { traceparent: trace.traceparent }, tags: { operation }, timeout: `${CALL_S}s`,
        });
        return { code: nameOf(answer.status), message: answer.message };
    } catch (error) {
        if (isInterruption(error)) {
            return { code: INTERRUPTED, message: null };
        }
        // k6 throws where it cannot even make or read a message: the outcome is unknown then.
        noteCommon(`${method} of ${operation} failed: ${reasonOf(error)}`);
        return { code: "EXCEPTION", message: null };
    }
}

/**
 * Return an answer from a message in protobuf's JSON form: zeros may be left out, and 64-bit numbers are text.
 * @param {string} code @param {any} response @returns {Answer}
 */
function answered(code, response) {
    if (code !== "OK" || !response) {
        return { code: code === "OK" ? "EXCEPTION" : code, committed: null };
    }
    const position = response.position ?? {};
    return {
        code,
        committed: {
            sum: response.sum ?? "", duplicate: response.duplicate ?? false,
            position: { partition: Number(position.partition ?? 0), offset: Number(position.offset ?? 0) },
        },
    };
}

/** Return what an error says. @param {any} error */
export function reasonOf(error) {
    return String(error?.message ?? error);
}

/** Tell whether an error says that k6 ended a call. @param {unknown} error */
export function isInterruption(error) {
    return /context cancell?ed/.test(String(error));
}

/** @param {number} status */
function nameOf(status) {
    return STATUSES[status] ?? `STATUS_${status}`;
}
