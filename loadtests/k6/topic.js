// What only a k6 with the extension k6/x/tally can judge: its variables, its thresholds, its part of the verdict. Pure.

/** @typedef {import("./options.js").Rule} Rule */
/** @typedef {import("./profiles.js").Threshold} Threshold */
/** @typedef {import("./settings.js").Env} Env */
/** @typedef {import("./summary.js").Data} Data */
/** @typedef {import("./summary.js").Verdict} Verdict */
/**
 * @typedef {object} TopicSettings
 * @property {string} kafka HOST:PORT, or several with commas; "" when the topic is not read
 * @property {string} registry
 * @property {string} outcomes the file of outcomes
 * @property {string} traces a URL for OTLP over HTTP; "" sends no spans
 */

const METRICS = /** @type {Readonly<Record<string, string>>} */ ({
    topic_missing: "tally_lost", topic_wrong: "tally_wrong", poison_unjudged: "tally_poison_unjudged",
});

/** @type {readonly Rule[]} beside the profile's own: doubled ones, and that there was something to judge */
const TOPIC_RULES = [
    { metric: "tally_doubled", expression: "count==0", title: "doubled = 0", figure: "topic_doubled" },
    { metric: "tally_wrong", expression: "count==0", title: "topic_wrong = 0", figure: "topic_wrong" },
    { metric: "tally_judged", expression: "count>0", title: "judged > 0", figure: "topic_judged" },
    { metric: "tally_records_read", expression: "count>0", title: "topic_records > 0", figure: "topic_records" },
];

/** Return the extension's settings. Throws an Error whose message is one sentence. @param {Env} env @param {import("./settings.js").Settings} settings @returns {TopicSettings} */
export function topicSettingsOf(env, { profile, summary }) {
    const kafka = env.KAFKA || (profile.topic ? "127.0.0.1:9092" : "");
    const registry = env.REGISTRY || "http://127.0.0.1:8081";
    const traces = env.TRACES || "";
    if (kafka !== "" && !/^[^\s/,]+:[0-9]{1,5}(,[^\s/,]+:[0-9]{1,5})*$/.test(kafka)) {
        throw new Error(`KAFKA is "${kafka}"; allowed is host:port, or several with commas: correct -e KAFKA=VALUE`);
    }
    for (const [name, value] of [["REGISTRY", registry], ["TRACES", traces]]) {
        if (value !== "" && !/^https?:\/\/[^\s/]+(\/[^\s]*)?$/.test(value)) {
            throw new Error(`${name} is "${value}"; allowed is an address such as http://127.0.0.1:8081: correct -e ${name}=VALUE`);
        }
    }
    const outcomes = env.OUTCOMES || "k6-outcomes.bin";
    if (outcomes.replace(/\.[^./]*$/, "") + ".json" === summary) {
        throw new Error(`OUTCOMES is "${outcomes}", whose digest would be written over the summary ${summary}: give one of them another name`);
    }
    return { kafka, registry, traces, outcomes };
}

/** Return the rule of a threshold that a k6 without the extension cannot judge. @param {Threshold} threshold @returns {Rule | null} */
export function topicRuleOf({ figure, limit }) {
    const metric = METRICS[figure];
    return metric === undefined ? null : { metric, expression: `count==${limit}`, title: `${figure} = ${limit}`, figure };
}

/** Return the rules of a profile with those of the topic; each of them once. @param {readonly Rule[]} rules @param {TopicSettings} topic */
export function withTopicRules(rules, topic) {
    const known = new Set(rules.map((rule) => `${rule.metric} ${rule.expression}`));
    const more = topic.kafka === "" ? [] : TOPIC_RULES;
    return [...rules, ...more.filter((rule) => !known.has(`${rule.metric} ${rule.expression}`))];
}

/**
 * Return what the topic adds to the summary; no figures when nothing was judged.
 * @param {Data} data @returns {{verdict: (verdict: Verdict) => Verdict, figures: Record<string, number>}}
 */
export function topicPart(data) {
    const count = (/** @type {string} */ name) => data.metrics[name]?.values.count ?? 0;
    const doubled = count("tally_doubled");
    return {
        verdict: (/** @type {Verdict} */ verdict) => ({
            ...verdict, doubled: verdict.doubled + doubled, holds: verdict.holds && doubled + count("tally_wrong") === 0,
        }),
        figures: count("tally_judged") === 0 ? {} : {
            topic_judged: count("tally_judged"), topic_records: count("tally_records_read"),
            topic_missing: count("tally_lost"), topic_doubled: doubled, topic_wrong: count("tally_wrong"),
            poison_unjudged: count("tally_poison_unjudged"),
        },
    };
}
