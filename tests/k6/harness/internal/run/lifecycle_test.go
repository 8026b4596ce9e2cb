package run

import (
	"context"
	"strings"
	"testing"
)

// What setup returns, as JSON has it, goes to each VU, to teardown and to handleSummary.
func TestSetupData(t *testing.T) {
	found := runScript(t, `
import { check } from 'k6';
export const options = { vus: 2, iterations: 2, thresholds: { checks: ['rate==1'] } };
export function setup() { return { n: 5, at: new Date(0), none: undefined }; }
export default function (data) { check(data, { same: (d) => JSON.stringify(d) === '{"n":5,"at":"1970-01-01T00:00:00.000Z"}' }); }
export function teardown(data) { check(data, { same: (d) => d.n === 5 }); }
`).exits(t, OK)
	if checks := found.data.RootGroup.Checks; len(checks) != 1 || checks[0].Passes != 3 || string(found.data.SetupData) == "" {
		t.Error(found.stdout)
	}
}

// Each VU runs the init context for itself and keeps what it has there; setup and teardown have another one.
func TestRuntimes(t *testing.T) {
	found := runScript(t, `
import { Counter } from 'k6/metrics';
const own = new Counter('own');
let n = 0;
export const options = { scenarios: { one: { executor: 'per-vu-iterations', vus: 3, iterations: 2 } }, thresholds: { own: ['count==9'] } };
export function setup() { n = 100; }
export default function () { n++; own.add(n); }
`).exits(t, OK)
	if found.stderr != "" {
		t.Error(found.stderr)
	}
}

// The exit codes are those that the documentation lists.
func TestExitCodes(t *testing.T) {
	quick := `export const options = { scenarios: { one: { executor: 'constant-vus', duration: '100ms' } } };
import exec from 'k6/execution'; import { sleep, fail } from 'k6'; import { Counter } from 'k6/metrics';
const some = new Counter('some'); `
	for _, each := range []struct {
		what, source string
		code         int
		says         string
	}{
		{"nothing wrong", `export default function () { sleep(0.01) }`, OK, ""},
		{"an exception in an iteration", `export default function () { sleep(0.01); throw new Error('boom') }`, OK, "boom"},
		{"fail()", `export default function () { sleep(0.01); fail('told') }`, OK, "told"},
		{"a crossed threshold", `options.thresholds = {some: ['count==0']}; export default function () { sleep(0.01); some.add(1) }`, ThresholdsHaveFailed, "some: count==0"},
		{"setup takes too long", `options.setupTimeout = '50ms'; export function setup() { sleep(5) } export default function () {}`, SetupTimeout, "setup()"},
		{"teardown takes too long", `options.teardownTimeout = '50ms'; export function teardown() { sleep(5) } export default function () { sleep(0.01) }`, TeardownTimeout, "teardown()"},
		{"an exception in the init context", `throw new Error('one sentence'); export default function () {}`, ScriptException, "one sentence"},
		{"an exception in setup", `export function setup() { throw new Error('early') } export default function () {}`, ScriptException, "early"},
		{"an exception in teardown", `export function teardown() { throw new Error('late') } export default function () { sleep(0.01) }`, ScriptException, "late"},
		{"an exception in handleSummary", `export function handleSummary() { throw new Error('last') } export default function () { sleep(0.01) }`, ScriptException, "last"},
		{"no JavaScript", `export default function (`, ScriptException, "SyntaxError"},
		{"abort in the init context", `exec.test.abort('not here'); export default function () {}`, ScriptAborted, "not here"},
		{"abort in setup", `export function setup() { exec.test.abort('no server') } export default function () {}`, ScriptAborted, "no server"},
		{"abort in an iteration", `export default function () { try { exec.test.abort('enough') } catch (e) {} console.log('not reached') }`, ScriptAborted, "enough"},
		{"abort in teardown", `export function teardown() { exec.test.abort('after all') } export default function () { sleep(0.01) }`, ScriptAborted, "after all"},
		{"marked as failed", `export default function () { exec.test.fail('bad'); sleep(0.01) }`, MarkedAsFailed, "bad"},
		{"an unknown option", `options.bogus = 1; export default function () {}`, InvalidConfig, "bogus"},
		{"an unknown executor", `options.scenarios.one.executor = 'fast'; export default function () {}`, InvalidConfig, "fast"},
		{"an unknown function", `options.scenarios.one.exec = 'other'; export default function () {}`, InvalidConfig, "other"},
		{"an invalid threshold", `options.thresholds = {some: ['p(95)<1']}; export default function () {}`, InvalidConfig, "p(95)<1"},
		{"a threshold on no metric", `options.thresholds = {nothing: ['count<1']}; export default function () {}`, InvalidConfig, "nothing"},
	} {
		t.Run(each.what, func(t *testing.T) {
			t.Parallel()
			found := runScript(t, quick+each.source).exits(t, each.code, each.says)
			if strings.Contains(found.stderr, "not reached") {
				t.Error(found.stderr)
			}
		})
	}
}

// A signal ends the run with its code; teardown and the summary still come.
func TestSignal(t *testing.T) {
	ctx, signal := context.WithCancel(context.Background())
	signal()
	found := runIn(t, ctx, t.TempDir(), `
export const options = { vus: 1, duration: '1h' };
export default function () {}
export function teardown() { console.log('torn down') }
`)
	found.exits(t, ExternalAbort, "signal")
}

// Teardown comes after an abort; it does not come when setup has failed.
func TestTeardown(t *testing.T) {
	end := `export function teardown() { console.log('torn down') }`
	abort := `import exec from 'k6/execution'; export const options = {duration: '1h'}; export default function () { exec.test.abort() }`
	runScript(t, abort+end).exits(t, ScriptAborted, "torn down")
	failed := runScript(t, `export function setup() { throw new Error('no') } export default function () {}`+end).exits(t, ScriptException)
	if strings.Contains(failed.stderr, "torn down") {
		t.Error(failed.stderr)
	}
}

// abortOnFail ends the run when its threshold is crossed, without waiting for iterations under way.
func TestAbortOnFail(t *testing.T) {
	found := runScript(t, `
import { Counter } from 'k6/metrics';
import { sleep } from 'k6';
const some = new Counter('some');
export const options = { vus: 2, duration: '1h', thresholds: { some: [{ threshold: 'count<2', abortOnFail: true, delayAbortEval: '100ms' }] } };
export default function () { some.add(1); sleep(1000); }
`).exits(t, ThresholdsHaveFailed, "some: count<2")
	if found.value("iterations", "count") != 0 || found.data.Metrics["some"].Thresholds["count<2"]["ok"] {
		t.Error(found.stdout)
	}
}

// Samples that teardown adds count for the thresholds; a metric without a sample passes.
func TestThresholdsAfterTeardown(t *testing.T) {
	source := `
import { Counter } from 'k6/metrics';
const lost = new Counter('lost'), never = new Counter('never');
export const options = { thresholds: { lost: ['count==0'], never: ['count>0'] } };
export default function () {}
export function teardown() { lost.add(1) }
`
	runScript(t, source).exits(t, ThresholdsHaveFailed, "lost: count==0")
}

// An exception in an iteration tells where in the script it was thrown, and the next iteration comes.
func TestPlaceOfAnException(t *testing.T) {
	found := runScript(t, "export const options = { iterations: 2 };\nexport default function () {\n  throw new Error('here');\n}\n").exits(t, OK, "script.js:3")
	if found.value("iterations", "count") != 2 || strings.Count(found.stderr, "level=error") != 2 {
		t.Error(found.stderr)
	}
}
