package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/schedule"
)

const (
	evaluateEvery = 2 * time.Second // as k6 does
	sampleEvery   = 100 * time.Millisecond
)

// scenarios runs them all, watching the thresholds that abort.
func (t *test) scenarios(ctx context.Context) {
	watching, done := context.WithCancel(ctx)
	watchers := sync.WaitGroup{}
	watchers.Go(func() { every(watching, evaluateEvery, t.evaluate) })
	watchers.Go(func() { every(watching, sampleEvery, t.sampleVUs) })
	t.sampleVUs()
	running := sync.WaitGroup{}
	for _, each := range t.options.scenarios {
		one := &schedule.Running{Scenario: each, Pool: t.pool, Dropped: t.dropped(each), Failed: t.broken}
		running.Go(func() { one.Run(ctx) })
	}
	running.Wait()
	done()
	watchers.Wait()
	t.sampleVUs()
}

// every calls a function at an interval until ctx ends.
func every(ctx context.Context, interval time.Duration, call func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			call()
		case <-ctx.Done():
			return
		}
	}
}

func (t *test) evaluate() {
	if found := t.host.Metrics.Evaluate(time.Since(t.began)); found.Abort {
		t.stop(exits(ThresholdsHaveFailed, fmt.Errorf("thresholds have been crossed, and one aborts the test: %s", found)))
	}
}

func (t *test) sampleVUs() {
	registry := t.host.Metrics
	registry.Add(registry.Get("vus"), float64(t.pool.Active()), nil)
	registry.Add(registry.Get("vus_max"), float64(t.made.Load()), nil)
}

func (t *test) dropped(scenario *schedule.Scenario) func() {
	registry := t.host.Metrics
	tags := metrics.Tags{"scenario": scenario.Name}
	return func() { registry.Add(registry.Get("dropped_iterations"), 1, tags) }
}

// broken ends the run when a VU cannot be made in the middle of it, unless it is being ended.
func (t *test) broken(err error) {
	if !errors.Is(err, context.Canceled) {
		t.stop(exits(ScriptException, err))
	}
}
