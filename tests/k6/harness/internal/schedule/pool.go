package schedule

import (
	"context"
	"sync/atomic"
)

// VU runs one iteration at a time.
type VU interface {
	// RunOnce runs one iteration of a scenario. When ctx ends, it is interrupted.
	RunOnce(ctx context.Context, of *Running)
}

// Pool has the VUs that no scenario uses.
type Pool struct {
	free    chan VU
	another func(ctx context.Context) (VU, error)
	active  atomic.Int64
}

// VUsMax is how many VUs a test may have.
const VUsMax = 20_000

// NewPool makes a pool; another is called for a VU that was not planned.
func NewPool(planned []VU, another func(ctx context.Context) (VU, error)) *Pool {
	pool := &Pool{free: make(chan VU, VUsMax), another: another}
	for _, each := range planned {
		pool.free <- each
	}
	return pool
}

// Active returns how many VUs are in use.
func (p *Pool) Active() int64 { return p.active.Load() }

// get returns a VU, or nil when ctx ends first.
func (p *Pool) get(ctx context.Context) VU {
	select {
	case vu := <-p.free:
		return vu
	case <-ctx.Done():
		return nil
	}
}

func (p *Pool) put(vu VU) { p.free <- vu }
