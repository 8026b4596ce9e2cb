package script

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/schedule"
)

const httpTimeout = 60 * time.Second

func moduleHTTP(vu *VU) *module {
	return &module{named: map[string]any{
		"get": func(url string, params goja.Value) *goja.Object { return vu.request("GET", url, nil, params) },
		"post": func(url string, body, params goja.Value) *goja.Object {
			return vu.request("POST", url, body, params)
		},
		"del": func(url string, body, params goja.Value) *goja.Object {
			return vu.request("DELETE", url, body, params)
		},
		"request":             vu.request,
		"expectedStatuses":    vu.expectedStatuses,
		"setResponseCallback": func(callback goja.Value) { vu.http.expected = vu.statusesOf(callback) },
	}}
}

// Response is what a request returns.
type Response struct {
	Status     int               `js:"status"`
	StatusText string            `js:"status_text"`
	Body       any               `js:"body"`
	Headers    map[string]string `js:"headers"`
	Timings    Timings           `js:"timings"`
	Error      string            `js:"error"`
	ErrorCode  int               `js:"error_code"`
	URL        string            `js:"url"`
	Proto      string            `js:"proto"`
	JSON       any               `js:"json"`
}

// call is one request as the script asks for it.
type call struct {
	method, url, body string
	headers, tags     map[string]string
	timeout           time.Duration
	expected          statuses
	redirects         int64
	kind              string
}

func (vu *VU) request(method, url string, body, params goja.Value) *goja.Object {
	vu.must(vu.afterInit("a request"))
	asked := vu.callOf(strings.ToUpper(method), url, body, params)
	watch := &stopwatch{}
	response, err := vu.send(asked, watch)
	if vu.ctx.Err() != nil {
		vu.throw(vu.interrupted())
	}
	response.Timings = watch.timings()
	vu.measure(asked, response)
	if err != nil && vu.host.Options.Throw {
		vu.throw(err)
	}
	if err != nil {
		vu.host.Log("warning", fmt.Sprintf("Request Failed: %s", err))
	}
	return vu.strict("response", vu.runtime.ToValue(response).ToObject(vu.runtime))
}

func (vu *VU) callOf(method, url string, body, params goja.Value) *call {
	options := vu.host.Options
	asked := &call{
		method: method, url: url, timeout: httpTimeout, expected: vu.http.expected, redirects: options.MaxRedirects,
		kind: "text", headers: map[string]string{"User-Agent": options.UserAgent},
	}
	if options.DiscardResponseBodies {
		asked.kind = "none"
	}
	if !absent(body) {
		text, is := body.Export().(string)
		if !is {
			vu.throw(errors.New("http: this harness sends bodies of text only"))
		}
		asked.body = text
	}
	known := []string{"headers", "tags", "timeout", "responseCallback", "redirects", "responseType"}
	fields := vu.fieldsOf("http params", params, known...)
	for name, value := range vu.textsOf(fields["headers"]) {
		asked.headers[name] = value
	}
	asked.tags = vu.textsOf(fields["tags"])
	if value := fields["timeout"]; value != nil {
		timeout, err := schedule.ParseDuration(value.Export())
		vu.must(err)
		asked.timeout = timeout
	}
	if value := fields["responseCallback"]; value != nil {
		asked.expected = vu.statusesOf(value)
	}
	if value := fields["redirects"]; value != nil {
		asked.redirects = value.ToInteger()
	}
	if value := fields["responseType"]; value != nil {
		asked.kind = value.String()
	}
	return asked
}

// send returns a response in any case; where none came, it tells the error.
func (vu *VU) send(asked *call, watch *stopwatch) (*Response, error) {
	ctx, release := contextWithTimeout(vu.ctx, asked.timeout)
	defer release()
	response := &Response{URL: asked.url}
	response.JSON = func(selector goja.Value) goja.Value { return vu.jsonOf(response, selector) }
	request, err := http.NewRequestWithContext(watch.trace(ctx), asked.method, asked.url, strings.NewReader(asked.body))
	if err != nil {
		response.Error, response.ErrorCode = err.Error(), errorInvalidURL
		return response, err
	}
	for name, value := range asked.headers {
		request.Header.Set(name, value)
	}
	client := *vu.http.client
	client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if int64(len(via)) > asked.redirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
	answer, err := client.Do(request)
	if err != nil {
		response.Error, response.ErrorCode = err.Error(), errorCode(err)
		return response, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		response.Error, response.ErrorCode = err.Error(), errorCode(err)
		return response, err
	}
	vu.fill(response, answer, text, asked.kind)
	return response, nil
}

func (vu *VU) fill(response *Response, answer *http.Response, text []byte, kind string) {
	response.Status, response.StatusText, response.Proto = answer.StatusCode, answer.Status, answer.Proto
	response.URL = answer.Request.URL.String()
	response.Headers = map[string]string{}
	for name, values := range answer.Header {
		response.Headers[name] = strings.Join(values, ", ")
	}
	if answer.StatusCode >= 400 {
		response.ErrorCode = 1000 + answer.StatusCode
	}
	switch kind {
	case "text":
		response.Body = string(text)
	case "binary":
		response.Body = vu.runtime.NewArrayBuffer(text)
	}
}

// measure adds the samples of one request.
func (vu *VU) measure(asked *call, response *Response) {
	expected := response.Status != 0 && asked.expected.have(response.Status)
	tags := metrics.Tags{
		"method": asked.method, "url": asked.url, "name": asked.url, "status": strconv.Itoa(response.Status),
		"expected_response": strconv.FormatBool(expected),
	}
	if response.ErrorCode != 0 {
		tags["error_code"] = strconv.Itoa(response.ErrorCode)
	}
	if response.Error != "" {
		tags["error"] = response.Error
	}
	for name, value := range asked.tags {
		tags[name] = value
	}
	vu.add("http_reqs", 1, tags)
	vu.add("http_req_failed", numberOf(!expected), tags)
	timings := response.Timings
	for name, value := range map[string]float64{
		"duration": timings.Duration, "blocked": timings.Blocked, "connecting": timings.Connecting,
		"tls_handshaking": timings.TLSHandshaking, "sending": timings.Sending, "waiting": timings.Waiting,
		"receiving": timings.Receiving,
	} {
		vu.add("http_req_"+name, value, tags)
	}
}

// jsonOf reads a response's body, or by a selector of names and numbers with dots between them one value of it.
func (vu *VU) jsonOf(response *Response, selector goja.Value) goja.Value {
	text, is := response.Body.(string)
	if !is || text == "" {
		vu.throw(errors.New("json(): the response has no text"))
	}
	parse, _ := goja.AssertFunction(vu.runtime.Get("JSON").ToObject(vu.runtime).Get("parse"))
	value, err := parse(goja.Undefined(), vu.runtime.ToValue(text))
	vu.must(err)
	if absent(selector) {
		return value
	}
	for _, name := range strings.Split(selector.String(), ".") {
		if absent(value) {
			return goja.Undefined()
		}
		value = value.ToObject(vu.runtime).Get(name)
	}
	if value == nil {
		return goja.Undefined()
	}
	return value
}
