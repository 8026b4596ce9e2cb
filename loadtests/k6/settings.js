// The script's settings, read once from what `-e NAME=VALUE` gave. A value that cannot be meant is refused with one
// sentence that names it, what is allowed, and the cure. Pure.

import { TAG_DIGITS } from "./facts.js";
import { ALL, scaled } from "./profiles.js";

/** @typedef {import("./profiles.js").Profile} Profile */
/** @typedef {Readonly<Record<string, string | undefined>>} Env */
/**
 * @typedef {object} Settings
 * @property {Profile} profile scaled by TIME_SCALE and USERS_SCALE
 * @property {string} grpc host:port of the producer
 * @property {string} rest address of the consumer, without a slash at its end
 * @property {boolean} tls
 * @property {string | null} caCert a file of certificates that gRPC trusts; null is what the machine trusts
 * @property {number | null} seed null: a random one
 * @property {string | null} tag 12 hexadecimal digits; null: random ones
 * @property {number} tracedShare
 * @property {number} slowMs
 * @property {number} drainS how long the ledger may take after the load to have all that was acknowledged
 * @property {string} typedAs what this person types in front of a recipe's name: `just`, `./justw`
 * @property {string} summary where the summary is written, from the working directory
 */

export const SUMMARY_DEFAULT = "k6-summary.json";

const SCALE_MAX = 1000;

/**
 * Return the settings. Throws an Error whose message is one sentence.
 * @param {Env} env
 * @param {{extension: boolean}} k6 whether this k6 has the extension
 * @returns {Settings}
 */
export function settingsOf(env, { extension }) {
    const tls = oneOf(env, "GRPC_TLS", ["off", "on"], "off") === "on";
    const caCert = text(env, "GRPC_CACERT");
    if (caCert !== null && !tls) {
        throw new Error("GRPC_CACERT is set and GRPC_TLS is not: add -e GRPC_TLS=on, or leave GRPC_CACERT out");
    }
    return {
        profile: scaled(
            profileOf(env, extension), number(env, "TIME_SCALE", 1, above(0, SCALE_MAX)),
            number(env, "USERS_SCALE", 1, above(0, SCALE_MAX)),
        ),
        grpc: matching(env, "GRPC", "127.0.0.1:50051", /^[^\s/]+:[0-9]{1,5}$/, "host:port, for example 127.0.0.1:50051"),
        rest: matching(
            env, "REST", "http://127.0.0.1:8000", /^https?:\/\/[^\s/]+(\/[^\s]*)?$/,
            "an address such as http://127.0.0.1:8000",
        ).replace(/\/+$/, ""),
        tls,
        caCert,
        seed: text(env, "SEED") === null ? null : number(env, "SEED", 0, SEED),
        tag: tagOf(env),
        tracedShare: number(env, "TRACED_SHARE", 0.02, SHARE),
        slowMs: number(env, "SLOW_MS", 1000, above(0, 3600000)),
        drainS: number(env, "DRAIN_S", 60, above(0, 240)),
        typedAs: typedAs(env),
        summary: text(env, "SUMMARY") ?? SUMMARY_DEFAULT,
    };
}

/** @param {Env} env @param {boolean} extension @returns {Profile} */
function profileOf(env, extension) {
    const name = text(env, "PROFILE") ?? "smoke";
    const profile = ALL.find((each) => each.name === name);
    if (profile === undefined) {
        const names = ALL.map((each) => each.name).join(", ");
        throw new Error(`there is no profile "${name}"; there are ${names}: choose one with -e PROFILE=NAME`);
    }
    if (profile.topic && !extension) {
        throw new Error(
            `the profile "${name}" reads Kafka, which a k6 without the extension k6/x/tally cannot do: build one with ` +
            `\`${typedAs(env)} k6\` and run loadtests/tally.js, or use \`${typedAs(env)} load kafka\`, which needs no k6`,
        );
    }
    return profile;
}

/** @param {Env} env @returns {string | null} */
function tagOf(env) {
    const tag = text(env, "TAG");
    if (tag !== null && !new RegExp(`^[0-9a-f]{${TAG_DIGITS}}$`).test(tag)) {
        throw refusal("TAG", tag, `${TAG_DIGITS} hexadecimal digits in lower case, new ones for each run`);
    }
    return tag;
}

/** @typedef {{allowed: string, holds: (value: number) => boolean}} Range */

/** @type {Range} */
const SHARE = { allowed: "a number from 0 to 1", holds: (value) => value >= 0 && value <= 1 };
/** @type {Range} */
const SEED = {
    allowed: "a whole number from 0 to 2^53 - 1", holds: (value) => Number.isSafeInteger(value) && value >= 0,
};

/** @param {number} least @param {number} most @returns {Range} */
function above(least, most) {
    return { allowed: `a number above ${least}, at most ${most}`, holds: (value) => value > least && value <= most };
}

/** @param {Env} env @param {string} name @param {number} preset @param {Range} range */
function number(env, name, preset, range) {
    const given = text(env, name);
    if (given === null) {
        return preset;
    }
    const value = Number(given);
    if (!range.holds(value)) {
        throw refusal(name, given, range.allowed);
    }
    return value;
}

/** @param {Env} env @param {string} name @param {readonly string[]} values @param {string} preset */
function oneOf(env, name, values, preset) {
    const given = text(env, name) ?? preset;
    if (!values.includes(given)) {
        throw refusal(name, given, values.join(" or "));
    }
    return given;
}

/** @param {Env} env @param {string} name @param {string} preset @param {RegExp} form @param {string} allowed */
function matching(env, name, preset, form, allowed) {
    const given = text(env, name) ?? preset;
    if (!form.test(given)) {
        throw refusal(name, given, allowed);
    }
    return given;
}

/** Return a variable, or null when it is not set or empty. @param {Env} env @param {string} name */
function text(env, name) {
    return env[name] || null;
}

/** @param {string} name @param {string} given @param {string} allowed */
function refusal(name, given, allowed) {
    return new Error(`${name} is "${given}"; allowed is ${allowed}: correct -e ${name}=VALUE, or leave it out`);
}

/** Return what this person types in front of a recipe's name; every checkout has ./justw. @param {Env} env @returns {string} */
function typedAs(env) {
    return text(env, "TALLY_TYPED_AS") ?? "./justw";
}
