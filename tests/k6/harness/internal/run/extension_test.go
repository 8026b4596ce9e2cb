package run

import (
	"errors"
	"testing"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/metrics"
)

// counting is an extension as they are written for k6.
type counting struct {
	vu     modules.VU
	metric *metrics.Metric
}

func (*counting) NewModuleInstance(vu modules.VU) modules.Instance {
	metric, err := vu.InitEnv().Registry.NewMetric("counted", metrics.Counter)
	if err != nil {
		panic(err)
	}
	return &counting{vu: vu, metric: metric}
}

func (c *counting) Exports() modules.Exports {
	named := map[string]any{"count": c.count, "thing": func() *Thing { return &Thing{Name: "a", Big: 9} }, "told": told}
	return modules.Exports{Default: named, Named: named}
}

func (c *counting) count(value float64) {
	state := c.vu.State()
	tags := state.Tags.GetCurrentValues().Tags.With("by", "extension")
	metrics.PushIfNotDone(c.vu.Context(), state.Samples, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: c.metric, Tags: tags}, Value: value,
	})
}

// Thing is an object that the extension hands out.
type Thing struct {
	Name string `js:"called"`
	Big  int64
}

// Twice is one of its methods.
func (t *Thing) Twice() (int64, error) {
	if t == nil {
		return 0, errors.New("nothing")
	}
	return 2 * t.Big, nil
}

func told(thing *Thing) (string, error) {
	if thing == nil {
		return "", errors.New("a thing is needed")
	}
	return thing.Name, nil
}

// An extension's functions, objects, errors and metrics reach the script, and thresholds judge what teardown adds.
func TestExtension(t *testing.T) {
	modules.Register("k6/x/counting", &counting{})
	source := `
import counting, { count } from 'k6/x/counting';
import { check } from 'k6';
export const options = { thresholds: { checks: ['rate==1'], 'counted{by:extension}': ['count==6'], 'counted{scenario:default}': ['count==2'] } };
export function setup() { count(1); }
export default function () {
    count(2);
    const thing = counting.thing();
    check(thing, {
        called: (t) => t.called === 'a' && t.big === 9 && t.twice() === 18,
        back: (t) => counting.told(t) === 'a',
        thrown: () => { try { counting.told(null) } catch (e) { return String(e).includes('a thing is needed') } },
        strict: () => { try { counting.other() } catch (e) { return String(e).includes('no k6/x/counting.other') } },
    });
}
export function teardown() { count(3); }
`
	runScript(t, source).exits(t, OK)
}
