// Package metrics declares metrics and their samples. See the README: this is a stub, not k6.
package metrics

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"sync"
	"time"
)

// MetricType tells how samples are aggregated.
type MetricType int

// The types of metrics.
const (
	Counter MetricType = iota
	Gauge
	Trend
	Rate
)

// ValueType tells what a value is.
type ValueType int

// The types of values. A Time is in milliseconds.
const (
	Default ValueType = iota
	Time
	Data
)

// Metric is one metric of a test.
type Metric struct {
	Name     string
	Type     MetricType
	Contains ValueType
}

var nameForm = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{1,128}$`)

// Registry has the metrics of a test, safe for goroutines.
type Registry struct {
	mutex   sync.RWMutex
	metrics map[string]*Metric
	root    *TagSet
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{metrics: map[string]*Metric{}, root: &TagSet{}}
}

// NewMetric returns the metric of a name, made now or before; it fails when the name has another type.
func (r *Registry) NewMetric(name string, kind MetricType, contains ...ValueType) (*Metric, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !nameForm.MatchString(name) {
		return nil, fmt.Errorf("invalid metric name: %q", name)
	}
	value := Default
	if len(contains) > 0 {
		value = contains[0]
	}
	known, there := r.metrics[name]
	if !there {
		made := &Metric{Name: name, Type: kind, Contains: value}
		r.metrics[name] = made
		return made, nil
	}
	if known.Type != kind || known.Contains != value {
		return nil, fmt.Errorf("metric %q already exists with another type", name)
	}
	return known, nil
}

// Get returns the metric of a name, nil when there is none.
func (r *Registry) Get(name string) *Metric {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.metrics[name]
}

// RootTagSet returns the empty set of tags, from which the others are made.
func (r *Registry) RootTagSet() *TagSet { return r.root }

// TagSet is an immutable set of tags.
type TagSet struct {
	tags map[string]string
}

// With returns the set with one more tag, or another value of it.
func (t *TagSet) With(name, value string) *TagSet {
	tags := t.Map()
	tags[name] = value
	return &TagSet{tags: tags}
}

// Map returns a copy of the tags.
func (t *TagSet) Map() map[string]string {
	tags := make(map[string]string, len(t.tags)+1)
	maps.Copy(tags, t.tags)
	return tags
}

// TimeSeries is a metric with its tags.
type TimeSeries struct {
	Metric *Metric
	Tags   *TagSet
}

// Sample is one measured value.
type Sample struct {
	TimeSeries
	Time     time.Time
	Value    float64
	Metadata map[string]string
}

// GetSamples makes one sample a container.
func (s Sample) GetSamples() []Sample { return []Sample{s} }

// Samples are several, in one container.
type Samples []Sample

// GetSamples returns them.
func (s Samples) GetSamples() []Sample { return s }

// SampleContainer is what goes to the outputs.
type SampleContainer interface {
	GetSamples() []Sample
}

// PushIfNotDone sends samples unless the context is over; it tells whether it sent them.
func PushIfNotDone(ctx context.Context, output chan<- SampleContainer, sample SampleContainer) bool {
	if ctx.Err() != nil {
		return false
	}
	output <- sample
	return true
}
