// Package metrics keeps what a run measured: metrics, their values, and the thresholds on them. No I/O.
package metrics

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"
)

// Type is the type of a metric, as summaries call it.
type Type string

// The four types.
const (
	Counter Type = "counter"
	Gauge   Type = "gauge"
	Rate    Type = "rate"
	Trend   Type = "trend"
)

// What a metric's values are.
const (
	Default = "default"
	Time    = "time"
	Data    = "data"
)

// Tags of a sample, by name.
type Tags map[string]string

var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// Metric has a name, a type and the values of all its samples.
type Metric struct {
	Name       string
	Type       Type
	Contains   string
	Values     Values
	Thresholds []*Threshold
	Tags       Tags // of a submetric: what a sample must bear to be one of it

	submetrics []*Metric
}

// Registry has all the metrics of a run. It may be used by many goroutines at once.
type Registry struct {
	mutex   sync.Mutex
	metrics map[string]*Metric
}

// NewRegistry returns a registry that has the built-in metrics.
func NewRegistry() *Registry {
	registry := &Registry{metrics: map[string]*Metric{}}
	for _, each := range builtin {
		registry.metrics[each.name] = newMetric(each.name, each.kind, each.contains)
	}
	return registry
}

func newMetric(name string, kind Type, contains string) *Metric {
	return &Metric{Name: name, Type: kind, Contains: contains, Values: newValues(kind)}
}

// Declare returns the metric of a name, made when it is new. Another type than before is an error.
func (r *Registry) Declare(name string, kind Type, contains string) (*Metric, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("invalid metric name %q: letters, digits and underscores, at most 128", name)
	}
	metric, found := r.metrics[name]
	if !found {
		metric = newMetric(name, kind, contains)
		r.metrics[name] = metric
	}
	if metric.Type != kind || metric.Contains != contains {
		return nil, fmt.Errorf("metric %q is a %s of %s already", name, metric.Type, metric.Contains)
	}
	return metric, nil
}

// Get returns a metric that is known to be there.
func (r *Registry) Get(name string) *Metric {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	metric, found := r.metrics[name]
	if !found {
		panic("there is no metric " + name)
	}
	return metric
}

// Add gives a metric a sample.
func (r *Registry) Add(metric *Metric, value float64, tags Tags) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	metric.Values.add(value)
	for _, each := range metric.submetrics {
		if each.Tags.within(tags) {
			each.Values.add(value)
		}
	}
}

// All returns the metrics of a summary by name: those that have a sample or a threshold.
func (r *Registry) All(visit func(*Metric)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := []*Metric{}
	for _, each := range r.metrics {
		found = append(append(found, each), each.submetrics...)
	}
	sort.Slice(found, func(a, b int) bool { return found[a].Name < found[b].Name })
	for _, each := range found {
		if !each.Values.Empty() || len(each.Thresholds) > 0 {
			visit(each)
		}
	}
}

// submetric returns the metric of a threshold's key: `name` or `name{tag:value,...}`.
func (r *Registry) submetric(key string) (*Metric, error) {
	name, rest, tagged := strings.Cut(key, "{")
	parent, found := r.metrics[name]
	if !found {
		return nil, fmt.Errorf("invalid threshold on %q: there is no metric of that name", key)
	}
	if !tagged {
		return parent, nil
	}
	tags, err := parseTags(strings.TrimSuffix(rest, "}"))
	if err != nil || !strings.HasSuffix(rest, "}") {
		return nil, fmt.Errorf("invalid threshold on %q: tags are written {name:value,name:value}", key)
	}
	for _, each := range parent.submetrics {
		if each.Name == key {
			return each, nil
		}
	}
	metric := newMetric(key, parent.Type, parent.Contains)
	metric.Tags = tags
	parent.submetrics = append(parent.submetrics, metric)
	return metric, nil
}

func parseTags(text string) (Tags, error) {
	tags := Tags{}
	for _, each := range strings.Split(text, ",") {
		name, value, found := strings.Cut(each, ":")
		if !found {
			return nil, fmt.Errorf("no colon in %q", each)
		}
		tags[unquoted(name)] = unquoted(value)
	}
	return tags, nil
}

func unquoted(text string) string { return strings.Trim(strings.TrimSpace(text), `"'`) }

func (t Tags) within(all Tags) bool {
	for name, value := range t {
		if all[name] != value {
			return false
		}
	}
	return true
}

// Milliseconds returns a duration as metrics of time have it.
func Milliseconds(duration time.Duration) float64 {
	return float64(duration) / float64(time.Millisecond)
}
