package metrics

import (
	"strings"
	"testing"
	"time"
)

func declared(t *testing.T, registry *Registry, name string, kind Type) *Metric {
	t.Helper()
	metric, err := registry.Declare(name, kind, Default)
	if err != nil {
		t.Fatal(err)
	}
	return metric
}

// Each type of metric has the aggregations that the documentation of thresholds lists, and no others.
func TestAggregations(t *testing.T) {
	values := []float64{4, 1, 3, 2, 5}
	want := map[Type]map[string]float64{
		Counter: {"count": 15, "rate": 1.5},
		Gauge:   {"value": 5},
		Rate:    {"rate": 1},
		Trend:   {"avg": 3, "min": 1, "max": 5, "med": 3, "p(90)": 4.6, "p(0)": 1, "p(100)": 5, "p(99.9)": 4.996},
	}
	for kind, figures := range want {
		metric := declared(t, NewRegistry(), "some", kind)
		for _, each := range values {
			metric.Values.add(each)
		}
		for aggregation, expected := range figures {
			value, err := metric.Values.Of(aggregation, 10*time.Second)
			if err != nil || value-expected > 1e-9 || expected-value > 1e-9 {
				t.Errorf("%s %s: %g instead of %g (%v)", kind, aggregation, value, expected, err)
			}
		}
		if _, err := metric.Values.Of("mode", time.Second); err == nil {
			t.Errorf("%s has no aggregation mode", kind)
		}
	}
}

// A threshold holds or not by each operator; one on a metric without a sample passes.
func TestThresholds(t *testing.T) {
	for source, holds := range map[string]bool{
		"count<10": false, "count<=10": true, "count>9": true, "count>=11": false, "count==10": true,
		"count === 10": true, "count!=10": false,
	} {
		registry := NewRegistry()
		metric := declared(t, registry, "some", Counter)
		if err := registry.SetThresholds(map[string][]ThresholdConfig{"some": {{Source: source}}}); err != nil {
			t.Fatal(err)
		}
		if found := registry.Evaluate(time.Second); len(found.Crossed) != 0 {
			t.Errorf("%s without a sample: %v", source, found)
		}
		registry.Add(metric, 10, nil)
		if found := registry.Evaluate(time.Second); (len(found.Crossed) == 0) != holds {
			t.Errorf("%s with 10: %v", source, found)
		}
	}
}

// A threshold on a part of a metric sees only samples that bear all of its tags.
func TestSubmetrics(t *testing.T) {
	registry := NewRegistry()
	metric := declared(t, registry, "some", Counter)
	configs := map[string][]ThresholdConfig{`some{a:1,"b":"x y"}`: {{Source: "count==2"}}, "some": {{Source: "count==3"}}}
	if err := registry.SetThresholds(configs); err != nil {
		t.Fatal(err)
	}
	registry.Add(metric, 2, Tags{"a": "1", "b": "x y", "c": "more"})
	registry.Add(metric, 1, Tags{"a": "1"})
	if found := registry.Evaluate(time.Second); len(found.Crossed) != 0 {
		t.Error(found)
	}
}

// A threshold that aborts does so once its delay is over, not before.
func TestDelayAbortEval(t *testing.T) {
	registry := NewRegistry()
	metric := declared(t, registry, "some", Counter)
	config := ThresholdConfig{Source: "count<1", AbortOnFail: true, DelayAbortEval: 5 * time.Second}
	if err := registry.SetThresholds(map[string][]ThresholdConfig{"some": {config}}); err != nil {
		t.Fatal(err)
	}
	registry.Add(metric, 1, nil)
	for lasted, abort := range map[time.Duration]bool{4 * time.Second: false, 5 * time.Second: true} {
		if found := registry.Evaluate(lasted); found.Abort != abort || len(found.Crossed) != 1 {
			t.Errorf("after %s: %+v", lasted, found)
		}
	}
}

// What cannot be a threshold is refused, with what is wrong.
func TestInvalidThresholds(t *testing.T) {
	for key, sources := range map[string][]string{
		"iterations":  {"p(95)<1", "count", "count<x", "", "count<1 && count>0"},
		"http_reqs{x": {"count<1"},
		"nothing":     {"count<1"},
		"vus":         {"avg<1"},
	} {
		for _, source := range sources {
			err := NewRegistry().SetThresholds(map[string][]ThresholdConfig{key: {{Source: source}}})
			if err == nil || !strings.HasPrefix(err.Error(), "invalid threshold") {
				t.Errorf("%s: %q gave %v", key, source, err)
			}
		}
	}
}

// The same metric may be declared again, not with another type, and not under an impossible name.
func TestDeclare(t *testing.T) {
	registry := NewRegistry()
	first := declared(t, registry, "some", Counter)
	if declared(t, registry, "some", Counter) != first {
		t.Error("it is another one")
	}
	for _, name := range []string{"", "1a", "a-b", "a b", strings.Repeat("a", 130)} {
		if _, err := registry.Declare(name, Counter, Default); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if _, err := registry.Declare("some", Gauge, Default); err == nil {
		t.Error("another type was taken")
	}
}
