package run

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// failing makes a script whose body must not throw and whose checks must all hold.
func failing(imports, body string) string {
	return imports + `
import { check } from 'k6';
export const options = { thresholds: { checks: ['rate==1'], iterations: ['count==1'] }, throw: false };
export default function () { ` + body + ` }
`
}

func holds(t *testing.T, imports, body string, env ...string) ran {
	t.Helper()
	found := runScript(t, failing(imports, body), env...).exits(t, OK)
	if len(found.data.RootGroup.Checks) == 0 {
		t.Errorf("nothing was checked\n%s", found.stderr)
	}
	return found
}

// What this harness does not have is an error that names it, never undefined.
func TestUnknownAPI(t *testing.T) {
	for source, says := range map[string]string{
		`import { group } from 'k6';`:                                      `No matching export`,
		`import * as k6 from 'k6'; k6.group('a');`:                         `group`,
		`import ws from 'k6/ws';`:                                          `unknown module "k6/ws"`,
		`import fs from 'fs';`:                                             `fs`,
		`import other from 'k6/x/other';`:                                  `unknown module "k6/x/other"`,
		`import { nothing } from './script.js';`:                           `No matching export`,
		`import http from 'k6/http'; http.batch([]);`:                      `this harness has no k6/http.batch`,
		`import exec from 'k6/execution'; exec.vu.thing;`:                  `this harness has no exec.vu.thing`,
		`console.table([]);`:                                               `this harness has no console.table`,
		`setTimeout(() => {}, 1);`:                                         `setTimeout is not defined`,
		`import grpc from 'k6/net/grpc'; new grpc.Client().asyncInvoke();`: `no grpc.Client.asyncInvoke`,
		`import grpc from 'k6/net/grpc'; new grpc.Stream();`:               `this harness has no k6/net/grpc.Stream`,
	} {
		runScript(t, source+` export default function () {}`).exits(t, ScriptException, says)
	}
	for body, says := range map[string]string{
		`http.get('http://127.0.0.1:1', {cookies: {}})`: `does not know "cookies"`,
		`c.add('1')`:                  `a number or a boolean is needed`,
		`c.add(NaN)`:                  `a finite number is needed`,
		`c.add(-1)`:                   `does not go down`,
		`c.increment()`:               `this harness has no c.increment`,
		`sleep()`:                     `seconds are needed`,
		`new Counter('late')`:         `in the init context only`,
		`open('/dev/null')`:           `in the init context only`,
		`await new Promise(() => {})`: `no event loop`,
	} {
		runScript(t, `import http from 'k6/http'; import { sleep } from 'k6'; import { Counter } from 'k6/metrics';
			const c = new Counter('c'); export default async function () { `+body+` }`).exits(t, OK, says)
	}
}

// Requests, metrics and checks are not for the init context.
func TestInitContext(t *testing.T) {
	for _, body := range []string{
		`http.get('http://127.0.0.1:1')`, `sleep(1)`, `check(1, {})`, `new Counter('c').add(1)`, `new grpc.Client().connect('127.0.0.1:1')`,
	} {
		runScript(t, `import http from 'k6/http'; import grpc from 'k6/net/grpc'; import { check, sleep } from 'k6'; import { Counter } from 'k6/metrics';
			`+body+`; export default function () {}`).exits(t, ScriptException, "not allowed in the init context")
	}
}

// Requests have a response, timings, and samples with tags of their own.
func TestHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/json":
			answer.Header().Set("X-Seen", request.Method+request.Header.Get("X-Given")+request.Header.Get("User-Agent"))
			fmt.Fprint(answer, `{"a": {"b": [1, "two"]}}`)
		case "/moved":
			http.Redirect(answer, request, "/json", http.StatusFound)
		case "/slow":
			time.Sleep(300 * time.Millisecond)
		default:
			http.NotFound(answer, request)
		}
	}))
	defer server.Close()
	source := failing(`import http from 'k6/http';`, `
const url = __ENV.URL;
const got = http.get(url + '/json', { headers: { 'X-Given': 'y' }, tags: { operation: 'x', name: 'named' } });
check(got, {
    status: (r) => r.status === 200 && r.status_text === '200 OK' && r.error === '' && r.error_code === 0,
    json: (r) => r.json().a.b[1] === 'two' && r.json('a.b.0') === 1 && r.json('a.c.d') === undefined,
    headers: (r) => r.headers['X-Seen'] === 'GETytester',
    timings: (r) => r.timings.duration > 0 && r.timings.duration >= r.timings.waiting,
    url: (r) => r.url === url + '/json',
});
check(http.post(url + '/json', 'body'), { post: (r) => r.headers['X-Seen'] === 'POSTtester' });
check(http.request('PUT', url + '/json', null), { put: (r) => r.headers['X-Seen'] === 'PUTtester' });
check(http.del(url + '/json'), { del: (r) => r.headers['X-Seen'] === 'DELETEtester' });
check(http.get(url + '/moved'), { followed: (r) => r.status === 200 && r.url === url + '/json' });
check(http.get(url + '/moved', { redirects: 0 }), { moved: (r) => r.status === 302 });
check(http.get(url + '/none', { responseCallback: http.expectedStatuses(404, { min: 500, max: 599 }) }), { none: (r) => r.status === 404 && r.error_code === 1404 });
check(http.get(url + '/none'), { unexpected: (r) => r.status === 404 });
check(http.get(url + '/slow', { timeout: '50ms' }), { timeout: (r) => r.status === 0 && r.error_code === 1050 && r.error !== '' });
check(http.get('http://127.0.0.1:1/'), { refused: (r) => r.status === 0 && r.error_code === 1212 && r.body === null });
http.setResponseCallback(http.expectedStatuses(404));
http.get(url + '/none');
`) + `
options.userAgent = 'tester';
options.thresholds['http_reqs{operation:x,name:named,method:GET,status:200,expected_response:true}'] = ['count==1'];
options.thresholds['http_req_failed{status:404}'] = ['rate<0.34', 'rate>0.33'];
options.thresholds['http_req_duration{operation:x}'] = ['max>0'];
`
	found := runScript(t, source, "URL="+server.URL).exits(t, OK)
	if found.value("data_sent", "count") <= 0 || found.value("data_received", "count") <= 0 || found.value("http_reqs", "count") != 11 {
		t.Error(found.stdout)
	}
}

// Checks return whether all held, and each is counted; one that throws fails and throws on.
func TestChecks(t *testing.T) {
	found := runScript(t, `
import { check } from 'k6';
export const options = { thresholds: { 'checks{check:no}': ['rate==0'], 'checks{more:x}': ['rate==0.5'] } };
export default function () {
    if (check(1, { yes: (v) => v === 1, no: () => 0 }, { more: 'x' })) throw new Error('it returned true');
    check(1, { throws: () => { throw new Error('inside') } });
}
`).exits(t, OK, "inside")
	if checks := found.data.RootGroup.Checks; len(checks) != 3 || checks[0].Passes != 1 || checks[1].Fails != 1 || checks[2].Fails != 1 {
		t.Error(found.stdout)
	}
}

// Tags come from the test, the scenario, the VU and the sample, the later over the earlier.
func TestTags(t *testing.T) {
	runScript(t, `
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
const c = new Counter('c');
export const options = {
    tags: { a: 'test', b: 'test', c: 'test', d: 'test' },
    scenarios: { one: { executor: 'shared-iterations', tags: { b: 'scenario', c: 'scenario', d: 'scenario' } } },
    thresholds: { 'c{a:test,b:scenario,c:vu,d:sample,scenario:one}': ['count==1'] },
};
export default function () { exec.vu.tags.c = 'vu'; exec.vu.metrics.tags.d = 'vu'; c.add(true, { d: 'sample' }); }
`).exits(t, OK)
}

// The summary has what the documentation of handleSummary lists, and what it returns goes where it says.
func TestHandleSummary(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "out.txt")
	found := runIn(t, t.Context(), folder, `
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
const metrics = [new Counter('c'), new Gauge('g'), new Rate('r'), new Trend('t', true)];
export const options = { summaryTrendStats: ['count', 'avg', 'p(99)'], thresholds: { c: ['count>5'], 't{x:y}': ['max<1'] } };
export default function () { metrics.forEach((m) => { m.add(1); m.add(2); }); }
export function handleSummary(data) {
    const { c, g, r, t } = data.metrics;
    const seen = [
        c.type, c.contains, c.values.count, c.values.rate > 0, c.thresholds['count>5'].ok, Object.values(g.values).join(),
        r.values.rate, r.values.passes, r.values.fails, t.contains, Object.keys(t.values).join(), t.values.avg,
        data.metrics['t{x:y}'].values.count, data.metrics.http_reqs, data.state.testRunDurationMs > 0,
        data.options.summaryTrendStats.length, data.root_group.name,
    ];
    return { stdout: JSON.stringify(seen), stderr: 'to stderr', [__ENV.FILE]: 'to a file' };
}
`, "FILE="+file).exits(t, ThresholdsHaveFailed, "to stderr")
	want := `["counter","default",3,true,false,"2,1,2",1,2,0,"time","avg,count,p(99)",1.5,0,null,true,3,""]`
	if found.stdout != want {
		t.Errorf("%s\ninstead of\n%s", found.stdout, want)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "to a file" {
		t.Error(string(text), err)
	}
}

// Modules are found beside the script, files are opened beside it, and a SharedArray is made once.
func TestFiles(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"part.js": `export const part = 7n;`, "file.txt": "text"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runIn(t, t.Context(), folder, failing(`
import { part } from './part.js';
import { SharedArray } from 'k6/data';
const text = open('file.txt'), bytes = open('./file.txt', 'b');
const shared = new SharedArray('some', () => { console.log('made'); return [{ a: 1 }]; });`, `
check(null, {
    module: () => part * 2n === 14n,
    text: () => text === 'text',
    bytes: () => new Uint8Array(bytes)[0] === 116,
    shared: () => shared.length === 1 && shared[0].a === 1 && Object.isFrozen(shared),
    variables: () => __ENV.NOT_SET === undefined && __ENV.SET === 'x',
});`), "SET=x").exits(t, OK, "made")
	runScript(t, `open('missing.txt'); export default function () {}`).exits(t, ScriptException, "missing.txt")
}
