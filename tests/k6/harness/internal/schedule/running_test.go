package schedule

import (
	"context"
	"sync/atomic"
	"testing"
)

// patient is a VU whose iterations last until they are interrupted.
type patient struct{ begun *atomic.Int64 }

func (v patient) RunOnce(ctx context.Context, _ *Running) {
	v.begun.Add(1)
	<-ctx.Done()
}

// After a VU was interrupted at the end, it begins no other iteration, however soon it asks.
func TestNoIterationBeginsAfterTheEnd(t *testing.T) {
	for range 500 {
		begun := &atomic.Int64{}
		pool := NewPool([]VU{patient{begun}, patient{begun}}, nil)
		one := &Running{Pool: pool, Scenario: scenario(t, `{"executor": "constant-vus", "vus": 2, "duration": "1ms", "gracefulStop": "0s"}`)}
		one.Run(context.Background())
		if begun.Load() > 2 {
			t.Fatal(begun.Load())
		}
	}
}
