/**
 * The extension k6/x/tally. All virtual users of a process share one run: open it in setup(), finish it in teardown().
 * An error of any function is an exception with one sentence.
 */
declare module "k6/x/tally" {
    /** One addition in text: what is sent, and the exact sum that its answer must have. */
    export interface Addition {
        /** A UUID of version 8 that begins with the run's tag. */
        readonly id: string;
        readonly a: string;
        readonly b: string;
        readonly sum: string;
    }

    /** Draws additions; the same tag, seed and stream give the same ones. For one virtual user. */
    export interface Draw {
        next(): Addition;
    }

    /** acknowledged: committed. refused: not committed, and never will be. unknown: anything may be true. */
    export type Outcome = "acknowledged" | "refused" | "unknown";

    export interface Settings {
        /** 12 hexadecimal digits, new ones for each run. */
        tag: string;
        /** The file of outcomes, 40 bytes each; its digest goes beside it under the same name with .json. */
        outcomes: string;
        /** HOST:PORT, or several with commas; without it the topic is not read. */
        kafka?: string;
        /** The schema registry's URL; needed with kafka. */
        registry?: string;
        /** Measure how long each addition takes to the topic, as tally_visible_ms. */
        timed?: boolean;
        /** A URL for spans by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; without it none are sent. */
        traces?: string;
        /** The share of iterations that are sampled, from 0 to 1. */
        tracedShare?: number;
    }

    /** An iteration's root span. Its traceparent goes into the headers, or the metadata, of the iteration's calls. */
    export interface Span {
        readonly traceparent: string;
        readonly traceId: string;
        readonly sampled: boolean;
        /** End it; a text makes it an error. */
        end(wrong: string): void;
    }

    /** A record that was sent on purpose to be refused, and the verdict that it must get. */
    export interface Poison {
        readonly reason: "FRAMING" | "UNDECODABLE" | "WRONG_SUM" | "WRONG_KEY" | "WRONG_PARTITION";
        readonly partition: number;
        readonly offset: number;
    }

    export interface Digest {
        readonly tag: string;
        readonly acked: number;
        readonly refused: number;
        readonly unknown: number;
        readonly acked_sum: string;
        readonly fingerprint: string;
    }

    /** What the topic has, against what was acknowledged; names as in the verdict of loadtests/judging/verdict.py. */
    export interface Verdict {
        /** false: the topic was not read, and only digest and spans_lost say anything. */
        readonly judged: boolean;
        readonly digest: Digest;
        readonly counted: number;
        readonly counted_sum: string;
        readonly unknown_counted: number;
        readonly lost: number;
        readonly doubled: number;
        readonly wrong_sum: number;
        readonly refused_but_counted: number;
        readonly never_sent: number;
        readonly records_read: number;
        readonly records_wrong: number;
        readonly poison_sent: number;
        /** Poison that the dead-letter topic does not show exactly once with its reason. */
        readonly poison_unjudged: number;
        readonly spans_lost: number;
        readonly problems: readonly string[];
        /** Up to five ids of each fault. */
        readonly examples: Readonly<Record<string, readonly string[]>>;
    }

    /** Return a draw. seed: the run's; stream: the virtual user's number. May be called anywhere. */
    export function additions(tag: string, seed: number, stream: number): Draw;
    /** Open the run, at the topic's present end. Once, in setup(). */
    export function open(settings: Settings): void;
    /** Note that an addition is about to be sent. */
    export function begin(id: string, sum: string): void;
    /** Note what became of it. What is not settled at the end counts as unknown. */
    export function settle(id: string, outcome: Outcome): void;
    /** Begin an iteration's root span. */
    export function startSpan(name: string): Span;
    /** Send one record for each way to break the contract. Needs kafka. */
    export function poison(): Poison[];
    /**
     * Read the topic to its end, compare, and give the verdict; also as the metrics tally_judged, tally_lost,
     * tally_doubled, tally_wrong and tally_poison_unjudged. Once, in teardown().
     */
    export function finish(waitSeconds: number): Verdict;

    const tally: {
        additions: typeof additions;
        open: typeof open;
        begin: typeof begin;
        settle: typeof settle;
        startSpan: typeof startSpan;
        poison: typeof poison;
        finish: typeof finish;
    };
    export default tally;
}
