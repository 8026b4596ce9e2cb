package metrics

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values folds the samples of one metric.
type Values interface {
	Empty() bool
	// Of returns a figure by the name that a threshold or a summary gives it.
	Of(aggregation string, lasted time.Duration) (float64, error)
	// Summary returns the figures of a summary by name; trendStats are those of a trend.
	Summary(trendStats []string, lasted time.Duration) map[string]float64
	add(value float64)
}

func newValues(kind Type) Values {
	switch kind {
	case Counter:
		return &counter{}
	case Gauge:
		return &gauge{}
	case Rate:
		return &rate{}
	default:
		return &trend{}
	}
}

type counter struct {
	seen bool
	sum  float64
}

func (c *counter) Empty() bool       { return !c.seen }
func (c *counter) add(value float64) { c.sum, c.seen = c.sum+value, true }

func (c *counter) Of(aggregation string, lasted time.Duration) (float64, error) {
	return pick(c.Summary(nil, lasted), aggregation)
}

func (c *counter) Summary(_ []string, lasted time.Duration) map[string]float64 {
	perSecond := 0.0
	if lasted > 0 {
		perSecond = c.sum / lasted.Seconds()
	}
	return map[string]float64{"count": c.sum, "rate": perSecond}
}

type gauge struct {
	seen             bool
	value, min, maxi float64
}

func (g *gauge) Empty() bool { return !g.seen }

func (g *gauge) add(value float64) {
	if !g.seen {
		g.min, g.maxi = value, value
	}
	g.value, g.min, g.maxi, g.seen = value, min(g.min, value), max(g.maxi, value), true
}

func (g *gauge) Of(aggregation string, _ time.Duration) (float64, error) {
	return pick(map[string]float64{"value": g.value}, aggregation)
}

func (g *gauge) Summary([]string, time.Duration) map[string]float64 {
	return map[string]float64{"value": g.value, "min": g.min, "max": g.maxi}
}

type rate struct{ trues, all float64 }

func (r *rate) Empty() bool { return r.all == 0 }

func (r *rate) add(value float64) {
	r.all++
	if value != 0 {
		r.trues++
	}
}

func (r *rate) Of(aggregation string, _ time.Duration) (float64, error) {
	return pick(map[string]float64{"rate": r.share()}, aggregation)
}

func (r *rate) Summary([]string, time.Duration) map[string]float64 {
	return map[string]float64{"rate": r.share(), "passes": r.trues, "fails": r.all - r.trues}
}

func (r *rate) share() float64 {
	if r.all == 0 {
		return 0
	}
	return r.trues / r.all
}

type trend struct {
	values []float64
	sorted bool
	sum    float64
}

func (t *trend) Empty() bool { return len(t.values) == 0 }

func (t *trend) add(value float64) {
	t.values, t.sorted, t.sum = append(t.values, value), false, t.sum+value
}

func (t *trend) Of(aggregation string, _ time.Duration) (float64, error) {
	if percent, found := percentOf(aggregation); found {
		return t.quantile(percent), nil
	}
	count := float64(len(t.values))
	switch aggregation {
	case "count":
		return count, nil
	case "avg":
		return t.sum / max(count, 1), nil
	case "min":
		return t.quantile(0), nil
	case "max":
		return t.quantile(100), nil
	case "med":
		return t.quantile(50), nil
	}
	return pick(map[string]float64{"avg": 0, "min": 0, "max": 0, "med": 0, "p(N)": 0}, aggregation)
}

func (t *trend) Summary(trendStats []string, lasted time.Duration) map[string]float64 {
	found := map[string]float64{}
	for _, each := range trendStats {
		if value, err := t.Of(each, lasted); err == nil {
			found[each] = value
		}
	}
	return found
}

// quantile interpolates between the two values beside the place that a share of all values has.
func (t *trend) quantile(percent float64) float64 {
	if len(t.values) == 0 {
		return 0
	}
	if !t.sorted {
		slices.Sort(t.values)
		t.sorted = true
	}
	place := percent / 100 * float64(len(t.values)-1)
	below := int(math.Floor(place))
	above := min(below+1, len(t.values)-1)
	return t.values[below] + (t.values[above]-t.values[below])*(place-float64(below))
}

// percentOf reads `p(95)`.
func percentOf(aggregation string) (float64, bool) {
	inner, found := strings.CutPrefix(aggregation, "p(")
	if !found || !strings.HasSuffix(inner, ")") {
		return 0, false
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(inner, ")"), 64)
	return percent, err == nil && percent >= 0 && percent <= 100
}

func pick(figures map[string]float64, aggregation string) (float64, error) {
	value, found := figures[aggregation]
	if !found {
		names := []string{}
		for each := range figures {
			names = append(names, each)
		}
		slices.Sort(names)
		return 0, fmt.Errorf("no aggregation %q on this type of metric: it has %s", aggregation, strings.Join(names, ", "))
	}
	return value, nil
}
