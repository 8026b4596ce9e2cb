package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/dop251/goja"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/schedule"
)

// Program is a script, bundled and compiled.
type Program struct {
	host     *Host
	compiled *goja.Program
}

// VU is one virtual user: a JavaScript runtime that has run the script's init context. It does one thing at a time.
type VU struct {
	host    *Host
	id      int64
	runtime *goja.Runtime
	exports *goja.Object
	loaded  map[string]*module
	ctx     context.Context
	initing bool
	phase   string // the group of setup and teardown, as tags have it

	running    *schedule.Running // nil outside scenarios
	iteration  int64             // of this VU, from 0 on
	inScenario map[string]int64  // iterations by scenario
	inTest     int64             // number of the iteration in its scenario, over all VUs
	tags       *goja.Object      // what the script set on exec.vu.tags
	data       goja.Value        // what setup returned
	http       *httpClient
	extension  *extensionVU
}

// ErrInterrupted says that the context of a call ended before the call did.
var ErrInterrupted = errors.New("interrupted")

var errAborted = errors.New("test aborted")

// Load bundles and compiles a script.
func Load(host *Host) (*Program, error) {
	compiled, err := bundle(host.Path)
	if err != nil {
		return nil, err
	}
	return &Program{host: host, compiled: compiled}, nil
}

// newVU returns a VU without a script.
func newVU(host *Host, id int64) *VU {
	vu := &VU{
		host: host, id: id, runtime: goja.New(), loaded: map[string]*module{}, ctx: context.Background(), initing: true,
		iteration: -1, inScenario: map[string]int64{},
	}
	vu.runtime.SetFieldNameMapper(naming{})
	vu.tags = vu.runtime.NewObject()
	vu.extension = &extensionVU{vu: vu}
	vu.setGlobals()
	return vu
}

// NewVU runs the script's init context.
func (p *Program) NewVU(ctx context.Context, id int64) (*VU, error) {
	vu := newVU(p.host, id)
	_, err := vu.guarded(ctx, func() (goja.Value, error) { return vu.runtime.RunProgram(p.compiled) })
	if err != nil {
		return nil, err
	}
	vu.exports = vu.runtime.Get(bundled).ToObject(vu.runtime)
	vu.initing = false
	vu.http = newHTTPClient(vu)
	return vu, nil
}

// ExportedOptions returns the script's options in JSON.
func (vu *VU) ExportedOptions() (json.RawMessage, error) {
	options := vu.exports.Get("options")
	if absent(options) {
		return json.RawMessage("{}"), nil
	}
	return json.Marshal(options)
}

// Exports tells whether the script exports a function of a name.
func (vu *VU) Exports(name string) bool {
	_, callable := goja.AssertFunction(vu.exports.Get(name))
	return callable
}

// Call calls an exported function with values in JSON and returns what it returns in JSON.
func (vu *VU) Call(ctx context.Context, name string, arguments ...string) (json.RawMessage, error) {
	values := []goja.Value{}
	for _, each := range arguments {
		values = append(values, vu.parse(each))
	}
	vu.phase = "::" + name
	defer func() { vu.phase = "" }()
	vu.extension.enter()
	began := time.Now()
	value, err := vu.call(ctx, name, values...)
	if name == "setup" || name == "teardown" {
		vu.add("iteration_duration", metrics.Milliseconds(time.Since(began)), nil)
	}
	vu.http.flush()
	if err != nil || absent(value) {
		return nil, err
	}
	return json.Marshal(value)
}

// RunOnce runs one iteration of a scenario.
func (vu *VU) RunOnce(ctx context.Context, of *schedule.Running) {
	if vu.running != of {
		vu.running = of
		vu.set("__ENV", vu.env(of.Env))
	}
	vu.iteration++
	vu.inTest = of.NextIteration()
	vu.set("__ITER", vu.iteration)
	if vu.data == nil {
		vu.data = vu.parse(vu.host.setupData)
	}
	vu.extension.enter()
	began := time.Now()
	_, err := vu.call(ctx, of.Exec, vu.data)
	vu.inScenario[of.Name]++
	vu.http.flush()
	if errors.Is(err, ErrInterrupted) || errors.Is(err, errAborted) {
		vu.host.Interrupted.Add(1)
		return
	}
	if err != nil {
		vu.host.Log("error", err.Error())
	}
	vu.host.Completed.Add(1)
	vu.add("iterations", 1, nil)
	vu.add("iteration_duration", metrics.Milliseconds(time.Since(began)), nil)
}

// SetupData returns what setup returned, in JSON.
func (h *Host) SetupData() json.RawMessage { return json.RawMessage(h.setupData) }

// SetSetupData keeps what setup returned for all VUs.
func (h *Host) SetSetupData(data json.RawMessage) { h.setupData = string(data) }

func (vu *VU) call(ctx context.Context, name string, arguments ...goja.Value) (goja.Value, error) {
	function, callable := goja.AssertFunction(vu.exports.Get(name))
	if !callable {
		return nil, fmt.Errorf("the script exports no function %q", name)
	}
	return vu.guarded(ctx, func() (goja.Value, error) { return function(goja.Undefined(), arguments...) })
}

// guarded runs JavaScript that is interrupted when ctx ends.
func (vu *VU) guarded(ctx context.Context, run func() (goja.Value, error)) (goja.Value, error) {
	vu.ctx = ctx
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { vu.runtime.Interrupt(ErrInterrupted); close(interrupted) })
	value, err := run()
	if !stop() {
		<-interrupted
	}
	vu.runtime.ClearInterrupt()
	if promise, is := exported(value).(*goja.Promise); is && err == nil {
		value, err = settled(promise)
	}
	if cause := (*goja.InterruptedError)(nil); errors.As(err, &cause) {
		reason, _ := cause.Value().(error)
		return nil, reason
	}
	if err != nil && ctx.Err() != nil { // what was under way ended with an error because it was interrupted
		return nil, ErrInterrupted
	}
	return value, traced(err)
}

// interrupted returns what a blocking call ends with when its context does; no catch block of the script sees it.
func (vu *VU) interrupted() error {
	vu.runtime.Interrupt(ErrInterrupted)
	return ErrInterrupted
}

func exported(value goja.Value) any {
	if value == nil {
		return nil
	}
	return value.Export()
}

func settled(promise *goja.Promise) (goja.Value, error) {
	switch promise.State() {
	case goja.PromiseStateFulfilled:
		return promise.Result(), nil
	case goja.PromiseStateRejected:
		return nil, fmt.Errorf("promise rejected: %s", promise.Result())
	}
	return nil, errors.New("a promise stayed pending: this harness has no event loop")
}

// traced returns an exception with the places in the script where it came from.
func traced(err error) error {
	if exception := (*goja.Exception)(nil); errors.As(err, &exception) {
		return errors.New(exception.String())
	}
	return err
}

// add gives a metric a sample with the VU's tags and some more.
func (vu *VU) add(name string, value float64, more metrics.Tags) {
	vu.host.Metrics.Add(vu.host.Metrics.Get(name), value, vu.tagged(more))
}

// tagged returns the tags of a sample: the test's, the scenario's, the VU's, then its own.
func (vu *VU) tagged(more metrics.Tags) metrics.Tags {
	tags := metrics.Tags{"group": vu.phase}
	maps.Copy(tags, vu.host.Options.Tags)
	if vu.running != nil && vu.phase == "" {
		tags["scenario"] = vu.running.Name
		maps.Copy(tags, vu.running.Tags)
	}
	maps.Copy(tags, vu.textsOf(vu.tags))
	maps.Copy(tags, more)
	return tags
}

// parse reads JSON; nothing is undefined.
func (vu *VU) parse(text string) goja.Value {
	if text == "" {
		return goja.Undefined()
	}
	parse, _ := goja.AssertFunction(vu.runtime.Get("JSON").ToObject(vu.runtime).Get("parse"))
	value, err := parse(goja.Undefined(), vu.runtime.ToValue(text))
	if err != nil {
		panic(err)
	}
	return value
}

func (vu *VU) set(name string, value any) {
	if err := vu.runtime.Set(name, value); err != nil {
		panic(err)
	}
}
