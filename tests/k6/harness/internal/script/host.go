package script

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/js/modules"
	k6metrics "go.k6.io/k6/v2/metrics"

	"tally/tests/k6/harness/internal/metrics"
)

// Host is what all VUs of a run share.
type Host struct {
	Path    string            // of the script
	Env     map[string]string // __ENV
	Metrics *metrics.Registry
	Checks  *Checks
	Log     func(level, message string)
	Abort   func(message string) // ends the run
	Fail    func(message string) // marks it as failed
	Facts   func() Facts         // of the instance, at this moment
	Options Options
	Samples chan k6metrics.SampleContainer // what extensions measured

	Interrupted, Completed atomic.Int64 // iterations

	options   string // as the script exports them, in JSON
	setupData string // what setup returned, in JSON
	extension *k6metrics.Registry
	shared    sync.Map // the arrays of SharedArray in JSON, by name
}

// Options are those that change what a VU does.
type Options struct {
	DiscardResponseBodies bool
	InsecureSkipTLSVerify bool
	MaxRedirects          int64
	NoConnectionReuse     bool
	Tags                  map[string]string
	Throw                 bool
	UserAgent             string
}

// Facts are what `exec.instance` tells.
type Facts struct {
	Active, Initialized int64
	Lasted              time.Duration
}

// NewHost returns a host for one run; the caller sets its hooks.
func NewHost(path string, env map[string]string) *Host {
	return &Host{
		Path: path, Env: env, Metrics: metrics.NewRegistry(), Checks: &Checks{},
		Options: Options{MaxRedirects: 10, UserAgent: "k6-harness (a test tool)"},
		Samples: make(chan k6metrics.SampleContainer), extension: k6metrics.NewRegistry(),
	}
}

// Drain gives metrics the samples of extensions until ctx ends.
func (h *Host) Drain(ctx context.Context) {
	for {
		select {
		case container := <-h.Samples:
			for _, each := range container.GetSamples() {
				h.Metrics.Add(h.declared(each.Metric), each.Value, each.Tags.Map())
			}
		case <-ctx.Done():
			return
		}
	}
}

type marker chan struct{}

func (m marker) GetSamples() []k6metrics.Sample { close(m); return nil }

// Flush returns when all samples sent before are counted.
func (h *Host) Flush() {
	sent := make(marker)
	h.Samples <- sent
	<-sent
}

// KnowExtensionMetric lets a threshold name a metric that an extension made in the init context.
func (h *Host) KnowExtensionMetric(name string) {
	if found := h.extension.Get(name); found != nil {
		h.declared(found)
	}
}

func (h *Host) declared(metric *k6metrics.Metric) *metrics.Metric {
	kind := map[k6metrics.MetricType]metrics.Type{
		k6metrics.Counter: metrics.Counter, k6metrics.Gauge: metrics.Gauge,
		k6metrics.Rate: metrics.Rate, k6metrics.Trend: metrics.Trend,
	}[metric.Type]
	contains := map[k6metrics.ValueType]string{
		k6metrics.Default: metrics.Default, k6metrics.Time: metrics.Time, k6metrics.Data: metrics.Data,
	}[metric.Contains]
	declared, err := h.Metrics.Declare(metric.Name, kind, contains)
	if err != nil {
		panic(err)
	}
	return declared
}

func extensionNamed(name string) (modules.Module, bool) {
	found, there := modules.Registered(name)
	if !there {
		return nil, false
	}
	module, fits := found.(modules.Module)
	return module, fits
}
