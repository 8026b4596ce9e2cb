package run

import (
	"fmt"
	"testing"
)

func withScenario(fields, body string) string {
	return fmt.Sprintf(`
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Gauge } from 'k6/metrics';
const seen = new Counter('seen');
const most = new Gauge('most');
export const options = { scenarios: { one: { %s } } };
export default function () { seen.add(1, {vu: String(exec.vu.idInTest)}); most.add(exec.instance.vusActive); %s }
`, fields, body)
}

// shared-iterations: so many iterations in all, by all VUs together.
func TestSharedIterations(t *testing.T) {
	found := runScript(t, withScenario(`executor: 'shared-iterations', vus: 3, iterations: 20`, `sleep(0.005)`)).exits(t, OK)
	if found.value("iterations", "count") != 20 || found.value("most", "max") != 3 || found.value("vus_max", "value") != 3 {
		t.Error(found.stdout)
	}
}

// per-vu-iterations: so many iterations for each VU, also for a slow one.
func TestPerVUIterations(t *testing.T) {
	source := withScenario(`executor: 'per-vu-iterations', vus: 3, iterations: 4`, `sleep(exec.vu.idInTest * 0.01)`)
	source += `options.thresholds = {'seen{vu:1}': ['count==4'], 'seen{vu:2}': ['count==4'], 'seen{vu:3}': ['count==4']};`
	runScript(t, source).exits(t, OK)
}

// maxDuration ends both, however many iterations are left.
func TestMaxDuration(t *testing.T) {
	for _, executor := range []string{"shared-iterations", "per-vu-iterations"} {
		source := withScenario(fmt.Sprintf(`executor: '%s', iterations: 1000000, maxDuration: '200ms'`, executor), `sleep(0.01)`)
		found := runScript(t, source).exits(t, OK)
		if count := found.value("iterations", "count"); count < 1 || count > 21 {
			t.Error(executor, count)
		}
	}
}

// constant-vus: so many VUs, each as often as it can for so long.
func TestConstantVUs(t *testing.T) {
	found := runScript(t, withScenario(`executor: 'constant-vus', vus: 4, duration: '300ms'`, `sleep(0.01)`)).exits(t, OK)
	if count := found.value("iterations", "count"); count < 8 || count > 124 || found.value("most", "max") != 4 {
		t.Error(found.stdout)
	}
}

// ramping-vus: as many VUs as the stages say, up and down.
func TestRampingVUs(t *testing.T) {
	source := withScenario(`executor: 'ramping-vus', startVUs: 0,
		stages: [{duration: '200ms', target: 6}, {duration: '200ms', target: 6}, {duration: '200ms', target: 0}]`, `sleep(0.01)`)
	found := runScript(t, source).exits(t, OK)
	if found.value("most", "max") != 6 || found.value("most", "min") > 2 || found.value("vus_max", "max") != 6 {
		t.Error(found.stdout)
	}
}

// constant-arrival-rate: iterations begin at a rate, whatever those before do.
func TestConstantArrivalRate(t *testing.T) {
	source := withScenario(`executor: 'constant-arrival-rate', rate: 50, timeUnit: '1s', duration: '1s', preAllocatedVUs: 40`,
		`sleep(0.5)`)
	found := runScript(t, source).exits(t, OK)
	if found.value("iterations", "count") != 50 || found.value("dropped_iterations", "count") != 0 {
		t.Error(found.stdout)
	}
}

// ramping-arrival-rate: the rate goes from stage to stage.
func TestRampingArrivalRate(t *testing.T) {
	source := withScenario(`executor: 'ramping-arrival-rate', startRate: 0, timeUnit: '1s', preAllocatedVUs: 30,
		stages: [{duration: '500ms', target: 80}, {duration: '500ms', target: 0}]`, ``)
	found := runScript(t, source).exits(t, OK)
	if found.value("iterations", "count")+found.value("dropped_iterations", "count") != 40 {
		t.Error(found.stdout)
	}
}

// An iteration for which there is no VU is dropped; VUs are added up to maxVUs, no further.
func TestDroppedIterations(t *testing.T) {
	source := withScenario(`executor: 'constant-arrival-rate', rate: 100, duration: '500ms', preAllocatedVUs: 1, maxVUs: 3`,
		`sleep(5)`)
	found := runScript(t, source+`options.scenarios.one.gracefulStop = '0s';`).exits(t, OK)
	if found.value("dropped_iterations", "count") != 47 || found.value("vus_max", "value") != 3 {
		t.Error(found.stdout)
	}
}

// gracefulStop: iterations under way at the end may finish in that time, no later.
func TestGracefulStop(t *testing.T) {
	for graceful, completed := range map[string]float64{"5s": 2, "0s": 0} {
		source := withScenario(`executor: 'constant-vus', vus: 2, duration: '100ms', gracefulStop: '`+graceful+`'`, `sleep(0.6)`)
		found := runScript(t, source).exits(t, OK)
		if found.value("iterations", "count") != completed || found.value("seen", "count") != 2 {
			t.Error(graceful, found.stdout)
		}
	}
}

// gracefulRampDown: a VU that is no longer wanted may finish its iteration in that time, no later.
func TestGracefulRampDown(t *testing.T) {
	for graceful, completed := range map[string]float64{"5s": 3, "0s": 0} {
		source := withScenario(`executor: 'ramping-vus', startVUs: 3, gracefulStop: '5s', gracefulRampDown: '`+graceful+`',
			stages: [{duration: '100ms', target: 3}, {duration: '0s', target: 0}, {duration: '1s', target: 0}]`, `sleep(0.6)`)
		found := runScript(t, source).exits(t, OK)
		if found.value("iterations", "count") != completed || found.value("seen", "count") != 3 {
			t.Error(graceful, found.stdout)
		}
	}
}

// No catch block of the script sees an interruption.
func TestInterruptionIsNotCaught(t *testing.T) {
	body := `try { sleep(5) } catch (e) { console.log('caught') } finally { console.log('finally') } console.log('after')`
	found := runScript(t, withScenario(`executor: 'constant-vus', duration: '50ms', gracefulStop: '0s'`, body)).exits(t, OK)
	if found.stderr != "" {
		t.Error(found.stderr)
	}
}

// Scenarios run side by side or one after another, each with its function, variables and tags.
func TestScenarios(t *testing.T) {
	source := `
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
const seen = new Counter('seen');
const once = { executor: 'per-vu-iterations', vus: 2 };
export const options = {
    scenarios: {
        first: { ...once, exec: 'a', env: { WHO: 'a' }, tags: { part: 'x' } },
        later: { ...once, exec: 'b', env: { WHO: 'b' }, startTime: '300ms', gracefulStop: '0s', maxDuration: '10s' },
    },
    thresholds: { 'seen{who:a,scenario:first,part:x}': ['count==2'], 'seen{who:b,scenario:later}': ['count==2'] },
};
export function a() { seen.add(1, { who: __ENV.WHO }); if (exec.scenario.name !== 'first') throw new Error('a'); }
export function b() { seen.add(1, { who: __ENV.WHO }); if (exec.scenario.executor !== 'per-vu-iterations') throw new Error('b'); }
`
	if found := runScript(t, source).exits(t, OK); found.stderr != "" {
		t.Error(found.stderr)
	}
}

// vus, duration, iterations and stages are short for one scenario.
func TestShortForms(t *testing.T) {
	for options, want := range map[string]float64{
		`{}`: 1, `{iterations: 5}`: 5, `{vus: 2, iterations: 6}`: 6, `{vus: 2, iterations: 6, duration: '1m'}`: 6,
	} {
		found := runScript(t, `export const options = `+options+`; export default function () {}`).exits(t, OK)
		if count := found.value("iterations", "count"); count != want {
			t.Error(options, count)
		}
	}
	for _, options := range []string{`{vus: 2, duration: '50ms'}`, `{stages: [{duration: '50ms', target: 2}]}`} {
		runScript(t, `export const options = `+options+`; export default function () {}`).exits(t, OK)
	}
}

// Iterations and VUs are numbered as the documentation of k6/execution tells.
func TestNumbers(t *testing.T) {
	source := `
import exec from 'k6/execution';
import { check } from 'k6';
export const options = { scenarios: { one: { executor: 'per-vu-iterations', vus: 1, iterations: 3 } }, thresholds: { checks: ['rate==1'] } };
let n = 0;
export default function () {
    check(exec, {
        vu: (e) => e.vu.idInTest === 1 && e.vu.idInInstance === 1 && __VU === 1,
        iteration: (e) => e.vu.iterationInScenario === n && e.vu.iterationInInstance === n && __ITER === n,
        scenario: (e) => e.scenario.iterationInTest === n && e.scenario.iterationInInstance === n,
        start: (e) => Math.abs(Date.now() - e.scenario.startTime) < 10000,
        progress: (e) => e.scenario.progress >= 0 && e.scenario.progress <= 1,
        instance: (e) => e.instance.vusActive === 1 && e.instance.vusInitialized === 1,
        completed: (e) => e.instance.iterationsCompleted === n && e.instance.currentTestRunDuration >= 0,
        options: (e) => e.test.options.scenarios.one.vus === 1,
    });
    n++;
}
`
	runScript(t, source).exits(t, OK)
}
