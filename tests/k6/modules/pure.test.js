// The modules of the k6 scripts that need nothing of k6. Each name is a promise. Run by test_modules.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { drawAddition } from "../../../loadtests/k6/draw.js";
import * as exact from "../../../loadtests/k6/exact.js";
import { codeOfAddition, codeOfDuplicate, outcomeOf } from "../../../loadtests/k6/judge.js";
import { operationOf } from "../../../loadtests/k6/mix.js";
import { optionsOf, rulesOf } from "../../../loadtests/k6/options.js";
import { ALL, durationS, scaled, targetAt } from "../../../loadtests/k6/profiles.js";
import { Random } from "../../../loadtests/k6/random.js";
import { settingsOf } from "../../../loadtests/k6/settings.js";
import { thinkS } from "../../../loadtests/k6/think.js";
import { traceOf } from "../../../loadtests/k6/tracing.js";
import { verdictOf } from "../../../loadtests/k6/verdict.js";

const TAG = "0123456789ab";
const COUNT = 20000;
const STOCK = { extension: false };

const profileOf = (name) => ALL.find((each) => each.name === name);
const additions = (count, seed = 7) =>
    Array.from({ length: count }, (_, number) => drawAddition(Random.of(seed, number), TAG));
const near = (value, expected, tolerance) =>
    assert.ok(Math.abs(value - expected) <= tolerance, `${value} is not ${expected} +- ${tolerance}`);

test("A seed repeats each iteration, and another seed or iteration is another stream", () => {
    assert.deepEqual(additions(50), additions(50));
    assert.notDeepEqual(additions(50), additions(50, 8));
    assert.notEqual(Random.of(2 ** 32 + 7, 1).hex(32), Random.of(7, 1).hex(32));
    assert.notEqual(Random.of(7, 2 ** 32 + 1).hex(32), Random.of(7, 1).hex(32));
    assert.notEqual(Random.of(1, 7).hex(32), Random.of(7, 1).hex(32));
});

test("Random numbers fill their range evenly", () => {
    const tens = Array(10).fill(0);
    for (let number = 0; number < COUNT; number++) {
        tens[Random.of(3, number).below(10)] += 1;
    }
    tens.forEach((each) => near(each, COUNT / 10, COUNT / 100));
});

test("Ids are distinct UUIDs of version 8 that begin with the run's tag", () => {
    const ids = additions(COUNT).map((each) => each.id);
    assert.equal(new Set(ids).size, COUNT);
    ids.forEach((id) => assert.match(id, /^01234567-89ab-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/));
});

test("Operands follow the contract's grammar, their sum is exact, and a tenth of them is long", () => {
    const drawn = additions(COUNT);
    for (const { a, b, sum } of drawn) {
        assert.match(a, /^-?[0-9]{1,29}(\.[0-9]{1,9})?$/);
        assert.match(b, /^-?[0-9]{1,29}(\.[0-9]{1,9})?$/);
        assert.equal(exact.valueOf(a) + exact.valueOf(b), sum);
    }
    const long = drawn.filter(({ a }) => a.replace("-", "").split(".")[0].length > 7).length;
    near(long / COUNT, 0.1, 0.01);
});

test("A decimal is written as the contract writes it, and read back", () => {
    const cases = [
        [0n, "0"], [1n, "0.000000001"], [-1n, "-0.000000001"], [42500000000n, "42.5"], [-40250000000n, "-40.25"],
        [10n ** 37n, "1" + "0".repeat(28)], [-3000000000n, "-3"],
    ];
    cases.forEach(([value, text]) => {
        assert.equal(exact.textOf(value), text);
        assert.equal(exact.valueOf(text), value);
    });
});

test("The sum of many additions survives Counters of 64-bit floats exactly, negative ones included", () => {
    const totals = Array(exact.LIMBS).fill(0);
    let sum = 0n;
    const extremes = [2n * 10n ** 33n, -2n * 10n ** 33n, 0n, -1n];
    const sums = [...additions(COUNT).map((each) => each.sum), ...extremes];
    for (const each of sums) {
        sum += each;
        exact.limbsOf(each).forEach((limb, number) => {
            assert.ok(Number.isInteger(limb) && limb >= 0 && limb < 2 ** 24);
            totals[number] += limb;
        });
    }
    assert.equal(exact.sumOfLimbs(totals, sums.length), sum);
    assert.ok(exact.ADDITIONS_MAX * (2 ** 24 - 1) <= Number.MAX_SAFE_INTEGER);
});

test("A sum that would not survive is refused", () => {
    assert.throws(() => exact.limbsOf(10n ** 38n), /does not fit/);
});

test("Pauses are log-normal around the median and bounded; without a median there is none", () => {
    const pauses = Array.from({ length: COUNT }, (_, number) => thinkS(Random.of(5, number), 0.5)).sort((a, b) => a - b);
    near(pauses[COUNT / 2], 0.5, 0.02);
    near(Math.log(pauses[Math.floor(0.8413 * COUNT)] / 0.5), 0.8, 0.04);
    assert.ok(pauses[COUNT - 1] <= 4);
    assert.equal(thinkS(Random.of(5, 1), 0), 0);
});

test("The first iterations do each operation once; then each comes as often as its weight says", () => {
    const { weights } = profileOf("smoke");
    const names = weights.map(([name]) => name);
    const load = profileOf("smoke");
    assert.deepEqual(names.map((_, number) => operationOf(load, number, Random.of(1, number))), names);
    const counts = Object.fromEntries(names.map((name) => [name, 0]));
    for (let number = 0; number < COUNT; number++) {
        counts[operationOf(load, names.length + number, Random.of(9, number))] += 1;
    }
    weights.forEach(([name, weight]) => near(counts[name] / COUNT, weight / 100, 0.01));
});

test("A target moves in a straight line from stage to stage", () => {
    const peak = profileOf("peak");
    assert.deepEqual([0, 10, 20, 35, 60, 102.5, 110, 999].map((at) => targetAt(peak, at)),
        [0, 500, 1000, 2000, 3000, 1500, 0, 0]);
    assert.equal(durationS(peak), 110);
});

test("Scaling shortens time and keeps at least one user where there was one", () => {
    const small = scaled(profileOf("spike"), 0.1, 0.001);
    near(durationS(small), 5.6, 1e-9);
    assert.equal(small.start, 1);
    assert.ok(small.stages.every((each) => each.target === 1));
    assert.ok(scaled(profileOf("peak"), 1, 2).stages.some((each) => each.target === 6000));
    assert.equal(scaled(profileOf("peak"), 1, 0.001).stages[3].target, 0);
});

test("Every profile has thresholds on errors, on latency and on the truth", () => {
    for (const profile of ALL.filter((each) => !each.topic)) {
        const { thresholds, scenarios } = optionsOf(profile, rulesOf(profile));
        assert.ok(thresholds.checks.length > 0, profile.name);
        assert.ok(JSON.stringify(thresholds["grpc_req_duration{operation:add}"]).includes("p(99)<="), profile.name);
        assert.deepEqual(thresholds.tally_lost, ["count==0"]);
        assert.deepEqual(thresholds.tally_looked_up, ["count>0"]);
        assert.equal(Object.values(scenarios)[0].executor, profile.open ? "ramping-arrival-rate" : "ramping-vus");
    }
});

test("Only a profile that looks for its breakpoint ends at the first crossed threshold", () => {
    for (const profile of ALL.filter((each) => !each.topic)) {
        const aborting = JSON.stringify(optionsOf(profile, rulesOf(profile))).includes("abortOnFail");
        assert.equal(aborting, profile.name === "breakpoint");
    }
});

test("A share of the iterations has a sampled trace; the others say that they have none", () => {
    const traces = Array.from({ length: COUNT }, (_, number) => traceOf(Random.of(11, number), 0.02));
    near(traces.filter((each) => each.sampled).length / COUNT, 0.02, 0.005);
    traces.forEach((each) =>
        assert.match(each.traceparent, new RegExp(`^00-${each.id}-[0-9a-f]{16}-0${each.sampled ? 1 : 0}$`)));
    assert.equal(new Set(traces.map((each) => each.id)).size, COUNT);
});

test("An addition is refused only when its status says that nothing was committed", () => {
    const committed = { sum: "2", duplicate: false, position: { partition: 0, offset: 0 } };
    assert.equal(outcomeOf({ code: "OK", committed }), "acknowledged");
    assert.equal(outcomeOf({ code: "ABORTED", committed: null }), "refused");
    ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "CANCELLED", "EXCEPTION"].forEach((code) =>
        assert.equal(outcomeOf({ code, committed: null }), "unknown"));
});

test("A wrong sum, and a duplicate that is not recognised, are not OK", () => {
    const addition = { id: "x", a: "1", b: "1", sum: 2000000000n };
    const answer = (sum, duplicate) =>
        ({ code: "OK", committed: { sum, duplicate, position: { partition: 0, offset: 0 } } });
    assert.equal(codeOfAddition(addition, answer("2", false)), "OK");
    assert.equal(codeOfAddition(addition, answer("3", false)), "WRONG_SUM");
    assert.equal(codeOfDuplicate(addition, answer("2", true)), "OK");
    assert.equal(codeOfDuplicate(addition, answer("2", false)), "NOT_RECOGNISED");
});

const REFUSED = [
    [{ PROFILE: "nope" }, /there is no profile "nope"; there are smoke, load, peak.*-e PROFILE=NAME$/],
    [{ PROFILE: "kafka" }, /without the extension k6\/x\/tally.*`.\/justw k6`.*`.\/justw load kafka`/],
    [{ GRPC: "http://a:1" }, /^GRPC is "http:\/\/a:1"; allowed is host:port/],
    [{ REST: "localhost:8000" }, /^REST is "localhost:8000"; allowed is an address/],
    [{ GRPC_TLS: "yes" }, /^GRPC_TLS is "yes"; allowed is off or on/],
    [{ GRPC_CACERT: "a.pem" }, /GRPC_TLS is not: add -e GRPC_TLS=on/],
    [{ SEED: "1.5" }, /^SEED is "1.5"; allowed is a whole number/],
    [{ TAG: "0123456789AB" }, /^TAG is "0123456789AB"; allowed is 12 hexadecimal digits/],
    [{ TIME_SCALE: "0" }, /^TIME_SCALE is "0"; allowed is a number above 0/],
    [{ USERS_SCALE: "many" }, /^USERS_SCALE is "many"; allowed is a number above 0/],
    [{ TRACED_SHARE: "2" }, /^TRACED_SHARE is "2"; allowed is a number from 0 to 1/],
    [{ SLOW_MS: "-1" }, /^SLOW_MS is "-1"; allowed is a number above 0/],
];

test("A variable that cannot be meant is refused with one sentence that has the value and what is allowed", () => {
    for (const [env, words] of REFUSED) {
        assert.throws(() => settingsOf(env, STOCK), (error) => words.test(error.message) && !error.message.includes("\n"));
    }
});

test("Without any variable it is the smoke profile on this machine's default ports", () => {
    const settings = settingsOf({}, STOCK);
    assert.equal(settings.profile.name, "smoke");
    assert.deepEqual([settings.grpc, settings.rest], ["127.0.0.1:50051", "http://127.0.0.1:8000"]);
    assert.equal(settingsOf({ PROFILE: "kafka" }, { extension: true }).profile.topic, true);
});

const SEEN = {
    tag: TAG, sent: 10, acknowledged: 10, refused: 0, acknowledgedSum: 42500000000n, lookedUp: 3, lost: 0, wrongSum: 0,
    before: { count: 5, total: "100" }, after: { count: 15, total: "142.5" }, undrained: [],
};

test("The verdict is proven when the ledger grew by exactly what was acknowledged, in count and sum", () => {
    const verdict = verdictOf(SEEN);
    assert.deepEqual([verdict.holds, verdict.proven, verdict.counted, verdict.lost], [true, true, 10, 0]);
    assert.equal(verdict.counted_sum, "42.5");
    assert.equal(verdict.digest.acked_sum, "42.5");
});

test("A ledger that grew by less has lost something", () => {
    const verdict = verdictOf({ ...SEEN, after: { count: 13, total: "142.5" } });
    assert.deepEqual([verdict.holds, verdict.proven, verdict.lost], [false, false, 2]);
});

test("A ledger that grew by another sum is wrong, when its count is right and nothing is unknown", () => {
    const verdict = verdictOf({ ...SEEN, after: { count: 15, total: "142.500000001" } });
    assert.deepEqual([verdict.holds, verdict.proven], [false, false]);
    assert.match(verdict.problems[0], /42\.500000001.*42\.5$/);
});

test("A ledger that grew by more holds and is not proven: others may have added", () => {
    const verdict = verdictOf({ ...SEEN, after: { count: 17, total: "200" } });
    assert.deepEqual([verdict.holds, verdict.proven, verdict.notes.length], [true, false, 1]);
});

test("An unknown outcome may be counted or not, and the verdict is not proven", () => {
    for (const count of [15, 16]) {
        const verdict = verdictOf({ ...SEEN, sent: 11, after: { count, total: count === 15 ? "142.5" : "150" } });
        assert.deepEqual([verdict.holds, verdict.proven, verdict.digest.unknown], [true, false, 1]);
        assert.equal(verdict.unknown_counted, count - 15);
    }
});

test("A look-up that found nothing or another sum, a total that cannot be read, and a lag break the verdict", () => {
    assert.equal(verdictOf({ ...SEEN, lost: 1 }).holds, false);
    assert.equal(verdictOf({ ...SEEN, wrongSum: 1 }).holds, false);
    assert.equal(verdictOf({ ...SEEN, after: null }).holds, false);
    assert.equal(verdictOf({ ...SEEN, undrained: ["the ledger of partition 3 does not reach offset 9"] }).holds, false);
});
