package schedule

import (
	"math"
	"time"
)

// startOf returns when iteration number n (from 0 on) begins: where the rate, summed up over time, has reached n.
// It is false when that is after the end.
func (s *Scenario) startOf(n int64) (time.Duration, bool) {
	from, stages := float64(s.StartRate), s.Stages
	if s.Executor == ConstantArrivalRate {
		from, stages = float64(s.Rate), []Stage{{Duration: s.Duration, Target: s.Rate}}
	}
	unit := time.Duration(s.TimeUnit).Seconds()
	left, passed := float64(n)+1e-9, 0.0 // a bit more than n: nothing begins while the rate is 0
	for _, stage := range stages {
		lasts := time.Duration(stage.Duration).Seconds()
		rate, target := from/unit, float64(stage.Target)/unit
		inStage := (rate + target) / 2 * lasts
		if left < inStage {
			return time.Duration((passed + within(rate, (target-rate)/lasts, left)) * float64(time.Second)), true
		}
		left -= inStage
		passed += lasts
		from = float64(stage.Target)
	}
	return 0, false
}

// within solves rate*t + slope*t²/2 = count for t.
func within(rate, slope, count float64) float64 {
	root := math.Sqrt(max(0, rate*rate+2*slope*count))
	return 2 * count / (rate + root)
}

// arrivals begins iterations at a rate, whatever those under way do. One without a VU is dropped, and while there may
// be more VUs another one is made meanwhile.
func (r *Running) arrivals() {
	free := make(chan VU, r.MaxVUs)
	for range r.PreAllocatedVUs {
		vu := r.Pool.get(r.regular)
		if vu == nil {
			break
		}
		free <- vu
	}
	vus := r.PreAllocatedVUs
	began := time.Now()
	for n := int64(0); ; n++ {
		at, found := r.startOf(n)
		if !found || !sleep(r.regular, at-time.Since(began)) {
			break
		}
		select {
		case vu := <-free:
			r.once(vu, free)
		default:
			r.Dropped()
			if vus < r.MaxVUs {
				vus++
				r.vus.Go(func() { r.another(free) })
			}
		}
	}
	r.vus.Wait()
	for len(free) > 0 {
		r.Pool.put(<-free)
	}
}

func (r *Running) once(vu VU, free chan<- VU) {
	r.vus.Go(func() {
		r.Pool.active.Add(1)
		defer r.Pool.active.Add(-1)
		vu.RunOnce(r.limit, r)
		free <- vu
	})
}

func (r *Running) another(free chan<- VU) {
	vu, err := r.Pool.another(r.limit)
	if err != nil {
		r.Failed(err)
		return
	}
	free <- vu
}
