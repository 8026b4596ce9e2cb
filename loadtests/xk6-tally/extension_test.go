package tally

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"tally.internal/xk6-tally/operands"
	"tally.internal/xk6-tally/run"
)

const tag = "0123456789ab"

// user is a virtual user as k6 makes one: first the init context, then a state.
type user struct {
	registry *metrics.Registry
	state    *lib.State
	ctx      context.Context
}

func (u *user) Context() context.Context { return u.ctx }
func (u *user) State() *lib.State        { return u.state }
func (u *user) InitEnv() *common.InitEnvironment {
	if u.state != nil {
		return nil
	}
	return &common.InitEnvironment{TestPreInitState: &lib.TestPreInitState{Registry: u.registry}}
}

func newUser(t *testing.T, module modules.Module, registry *metrics.Registry, samples chan metrics.SampleContainer) *instance {
	t.Helper()
	vu := &user{registry: registry, ctx: t.Context()}
	made, is := module.NewModuleInstance(vu).(*instance)
	if !is {
		t.Fatal("not an instance")
	}
	vu.state = &lib.State{Samples: samples, Tags: lib.NewVUStateTags(registry.RootTagSet().With("scenario", "kafka"))}
	return made
}

// The module is registered under its name, and every name of index.d.ts is exported.
func TestRegistered(t *testing.T) {
	module, there := modules.Registered("k6/x/tally")
	if !there {
		t.Fatal("k6/x/tally is not registered")
	}
	exports := newUser(t, module.(modules.Module), metrics.NewRegistry(), nil).Exports()
	for _, name := range []string{"additions", "open", "begin", "settle", "startSpan", "poison", "finish"} {
		if exports.Named[name] == nil || exports.Default.(map[string]any)[name] == nil {
			t.Fatalf("%s is not exported", name)
		}
	}
}

// Many virtual users share one run: setup opens it, each settles its own additions, teardown gets all of them.
func TestManyUsers(t *testing.T) {
	const users, each = 20, 500
	module, registry := New(), metrics.NewRegistry()
	samples := make(chan metrics.SampleContainer, 10)
	setup := newUser(t, module, registry, samples)
	path := filepath.Join(t.TempDir(), "outcomes.bin")
	if err := setup.open(map[string]any{"tag": tag, "outcomes": path, "tracedShare": int64(1)}); err != nil {
		t.Fatal(err)
	}
	if err := setup.open(map[string]any{"tag": tag, "outcomes": path}); err == nil {
		t.Fatal("a second run was opened beside the first")
	}
	var all sync.WaitGroup
	for number := range int64(users) {
		vu := newUser(t, module, registry, samples)
		all.Go(func() {
			draw, err := vu.additions(tag, 1, number)
			if err != nil {
				t.Error(err)
				return
			}
			for range each {
				span, err := vu.startSpan("add")
				addition := draw.Next()
				if err != nil || vu.begin(addition.ID, addition.Sum) != nil || vu.settle(addition.ID, "acknowledged") != nil {
					t.Error("an addition was not taken", err)
				}
				span.End("")
			}
		})
	}
	all.Wait()
	verdict, err := newUser(t, module, registry, samples).finish(1)
	if err != nil || verdict["judged"] != false || verdict["digest"].(map[string]any)["acked"] != uint64(users*each) {
		t.Fatal(verdict, err)
	}
	if err := setup.begin("", ""); err == nil || !strings.Contains(err.Error(), "open()") {
		t.Fatal("an addition was taken after the end", err)
	}
	if len(samples) > 0 {
		t.Fatal("a verdict that nobody gave was told to k6")
	}
}

// The verdict reaches k6 as samples with the user's tags, a zero for what must be none: thresholds see them.
func TestVerdictMetrics(t *testing.T) {
	samples := make(chan metrics.SampleContainer, 10)
	vu := newUser(t, New(), metrics.NewRegistry(), samples)
	result := run.Result{Judged: true}
	result.Digest.Acked, result.Lost, result.WrongSum = 7, 2, 1
	vu.metrics.verdict(vu.vu, &result)
	vu.metrics.progress(vu.vu, run.Progress{Records: 3, VisibleMS: []float64{1.5, 2.5}})
	close(samples)
	got := map[string][]float64{}
	for container := range samples {
		for _, sample := range container.GetSamples() {
			got[sample.Metric.Name] = append(got[sample.Metric.Name], sample.Value)
			if sample.Tags.Map()["scenario"] != "kafka" {
				t.Fatalf("%s has not the user's tags", sample.Metric.Name)
			}
		}
	}
	want := map[string][]float64{"tally_judged": {7}, "tally_lost": {2}, "tally_doubled": {0}, "tally_wrong": {1},
		"tally_poison_unjudged": {0}, "tally_records_read": {3}, "tally_visible_ms": {1.5, 2.5}}
	for name, values := range want {
		if len(got[name]) != len(values) || got[name][0] != values[0] {
			t.Fatalf("%s is %v, not %v", name, got[name], values)
		}
	}
}

// What cannot be meant is refused with one sentence: settings, the init context, poison without Kafka, a metric's type.
func TestRefused(t *testing.T) {
	module, registry := New(), metrics.NewRegistry()
	vu := newUser(t, module, registry, nil)
	path := filepath.Join(t.TempDir(), "outcomes.bin")
	for want, settings := range map[string]map[string]any{
		"12 hexadecimal digits": {"tag": "x", "outcomes": path},
		"outcomes.bin":          {"tag": tag},
		"it knows kafka":        {"tag": tag, "outcomes": path, "topics": "a"},
		"registry's URL":        {"tag": tag, "outcomes": path, "kafka": "127.0.0.1:1"},
		"http://":               {"tag": tag, "outcomes": path, "traces": "127.0.0.1:4318"},
		"from 0 to 1":           {"tag": tag, "outcomes": path, "tracedShare": 2.0},
		"must be a text":        {"tag": int64(1), "outcomes": path},
	} {
		if err := vu.open(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v: %v, not %q", settings, err, want)
		}
	}
	inInit := module.NewModuleInstance(&user{registry: registry, ctx: t.Context()}).(*instance)
	if err := inInit.open(nil); err == nil || !strings.Contains(err.Error(), "init context") {
		t.Fatal(err)
	}
	if err := vu.open(map[string]any{"tag": tag, "outcomes": path}); err != nil {
		t.Fatal(err)
	}
	if _, err := vu.poison(); err == nil || !strings.Contains(err.Error(), "kafka and registry") {
		t.Fatal(err)
	}
	other := operands.NewDraw(operands.Tag{9}, 1, 1).Next()
	if err := vu.begin(other.ID, other.Sum); err == nil || !strings.Contains(err.Error(), tag) {
		t.Fatal(err)
	}
	if _, err := vu.finish(0); err == nil {
		t.Fatal("no wait at all was taken")
	}
	if _, err := vu.finish(1); err != nil {
		t.Fatal(err)
	}
	taken := metrics.NewRegistry()
	if _, err := taken.NewMetric("tally_lost", metrics.Gauge); err != nil {
		t.Fatal(err)
	}
	if err := newUser(t, New(), taken, nil).open(map[string]any{}); err == nil || !strings.Contains(err.Error(), "tally_lost") {
		t.Fatal(err)
	}
}

// A Kafka that is not there ends the opening when the virtual user's context ends, and leaves no file behind.
func TestNoKafka(t *testing.T) {
	folder := t.TempDir()
	vu := newUser(t, New(), metrics.NewRegistry(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	vu.vu.(*user).ctx = ctx
	err := vu.open(map[string]any{"tag": tag, "outcomes": filepath.Join(folder, "outcomes.bin"), "kafka": "127.0.0.1:1",
		"registry": "http://127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}
