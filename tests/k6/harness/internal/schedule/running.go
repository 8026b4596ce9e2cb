package schedule

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Running is a scenario that runs.
type Running struct {
	*Scenario
	Dropped func()      // is told of each iteration for which there was no VU
	Failed  func(error) // is told of a VU that could not be made
	Pool    *Pool

	began     atomic.Int64 // in Unix milliseconds; 0 before
	iteration atomic.Int64 // how many iterations began
	finished  atomic.Bool
	limit     context.Context // when it ends, iterations under way are interrupted
	regular   context.Context // when it ends, no iteration begins
	vus       sync.WaitGroup
}

var executors = map[string]func(*Running){
	SharedIterations:    (*Running).sharedIterations,
	PerVUIterations:     (*Running).perVUIterations,
	ConstantVUs:         (*Running).constantVUs,
	RampingVUs:          (*Running).rampVUs,
	ConstantArrivalRate: (*Running).arrivals,
	RampingArrivalRate:  (*Running).arrivals,
}

// Run runs the scenario: it waits for its start, and for the iterations that are under way at its end.
func (r *Running) Run(ctx context.Context) {
	if !sleep(ctx, time.Duration(r.StartTime)) {
		return
	}
	lasts := r.Regular()
	limit, release := context.WithTimeout(ctx, lasts+time.Duration(r.GracefulStop))
	defer release()
	regular, done := context.WithTimeout(limit, lasts)
	defer done()
	r.limit, r.regular = limit, regular
	r.began.Store(time.Now().UnixMilli())
	executors[r.Executor](r)
	r.vus.Wait()
	r.finished.Store(true)
}

// Began returns when it began, in Unix milliseconds; 0 before.
func (r *Running) Began() int64 { return r.began.Load() }

// NextIteration returns the number of an iteration that begins, from 0 on.
func (r *Running) NextIteration() int64 { return r.iteration.Add(1) - 1 }

// Progress returns which share of the scenario is over.
func (r *Running) Progress() float64 {
	began := r.began.Load()
	if began == 0 {
		return 0
	}
	if r.finished.Load() || r.Regular() <= 0 {
		return 1
	}
	passed := time.Since(time.UnixMilli(began))
	return min(1, float64(passed)/float64(r.Regular()))
}

func (r *Running) sharedIterations() {
	left := atomic.Int64{}
	left.Store(r.Iterations)
	r.together(r.VUs, func() func() bool { return func() bool { return left.Add(-1) >= 0 } })
}

func (r *Running) perVUIterations() {
	r.together(r.VUs, func() func() bool {
		left := r.Iterations
		return func() bool { left--; return left >= 0 }
	})
}

func (r *Running) constantVUs() {
	r.together(r.VUs, func() func() bool { return func() bool { return true } })
}

// together lets VUs run iterations; for each of them more() gives what says whether it goes on.
func (r *Running) together(vus int64, more func() func() bool) {
	for range vus {
		goOn := more()
		r.vus.Go(func() {
			vu := r.Pool.get(r.regular)
			if vu == nil {
				return
			}
			defer r.Pool.put(vu)
			r.Pool.active.Add(1)
			defer r.Pool.active.Add(-1)
			for !r.over() && goOn() {
				vu.RunOnce(r.limit, r)
			}
		})
	}
}

// over tells whether no iteration begins any more. The limit is asked too: its end reaches what is derived from it a
// moment after it has interrupted an iteration.
func (r *Running) over() bool { return r.limit.Err() != nil || r.regular.Err() != nil }

// sleep waits and tells whether ctx lasted that long.
func sleep(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
