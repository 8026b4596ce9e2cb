package script

import (
	"fmt"
	"math"

	"github.com/dop251/goja"

	"tally/tests/k6/harness/internal/metrics"
)

func moduleMetrics(vu *VU) *module {
	return &module{named: map[string]any{
		"Counter": vu.metricOf(metrics.Counter),
		"Gauge":   vu.metricOf(metrics.Gauge),
		"Rate":    vu.metricOf(metrics.Rate),
		"Trend":   vu.metricOf(metrics.Trend),
	}}
}

// metricOf returns the constructor of custom metrics of a type.
func (vu *VU) metricOf(kind metrics.Type) func(goja.ConstructorCall) *goja.Object {
	return func(call goja.ConstructorCall) *goja.Object {
		vu.must(vu.inInit("a new metric"))
		contains := metrics.Default
		if call.Argument(1).ToBoolean() {
			contains = metrics.Time
		}
		metric, err := vu.host.Metrics.Declare(call.Argument(0).String(), kind, contains)
		vu.must(err)
		add := func(value goja.Value, tags goja.Value) error {
			if err := vu.afterInit(metric.Name + ".add"); err != nil {
				return err
			}
			number, err := sampleOf(metric, value)
			if err == nil {
				vu.host.Metrics.Add(metric, number, vu.tagged(vu.textsOf(tags)))
			}
			return err
		}
		vu.must(call.This.Set("name", metric.Name))
		vu.must(call.This.Set("add", add))
		return vu.strict(metric.Name, call.This)
	}
}

// sampleOf refuses what k6 would count silently as something else, or leave out.
func sampleOf(metric *metrics.Metric, value goja.Value) (float64, error) {
	var number float64
	switch given := exported(value).(type) {
	case bool:
		return numberOf(given), nil
	case int64:
		number = float64(given)
	case float64:
		number = given
	default:
		return 0, fmt.Errorf("%s.add(%v): a number or a boolean is needed", metric.Name, value)
	}
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return 0, fmt.Errorf("%s.add(%v): a finite number is needed", metric.Name, value)
	}
	if metric.Type == metrics.Counter && number < 0 {
		return 0, fmt.Errorf("%s.add(%v): a counter does not go down", metric.Name, value)
	}
	return number, nil
}
