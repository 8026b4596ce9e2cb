package schedule

import (
	"context"
	"sync"
	"time"
)

const rampStep = 20 * time.Millisecond

// vusAt returns how many VUs there are to be at a time.
func (s *Scenario) vusAt(passed time.Duration) int64 {
	from := s.StartVUs
	for _, stage := range s.Stages {
		lasts := time.Duration(stage.Duration)
		if passed < lasts {
			return from + int64(float64(stage.Target-from)*float64(passed)/float64(lasts))
		}
		passed -= lasts
		from = stage.Target
	}
	return from
}

// rampVUs starts and stops VUs along the stages.
func (r *Running) rampVUs() {
	slots := make([]*slot, r.maxVUs())
	for at := range slots {
		slots[at] = &slot{running: r}
	}
	began := time.Now()
	wanted := int64(0)
	for !r.over() {
		now := r.vusAt(time.Since(began))
		for ; wanted < now; wanted++ {
			slots[wanted].start()
		}
		for ; wanted > now; wanted-- {
			slots[wanted-1].stop()
		}
		sleep(r.regular, rampStep)
	}
}

// slot is the place of one VU in a ramp: it is wanted or not, and while it is not, it may finish its iteration.
type slot struct {
	running *Running

	mutex     sync.Mutex
	wanted    bool
	alive     bool // its goroutine runs
	kill      *time.Timer
	interrupt context.CancelFunc // of the iteration under way
}

func (s *slot) start() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.wanted = true
	if s.kill != nil {
		s.kill.Stop()
	}
	if !s.alive {
		s.alive = true
		s.running.vus.Go(s.run)
	}
}

// stop lets the iteration under way go on for gracefulRampDown at most.
func (s *slot) stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.wanted = false
	s.kill = time.AfterFunc(time.Duration(s.running.GracefulRampDown), func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if !s.wanted && s.interrupt != nil {
			s.interrupt()
		}
	})
}

func (s *slot) run() {
	vu := s.running.Pool.get(s.running.limit)
	if vu != nil {
		defer s.running.Pool.put(vu)
		s.running.Pool.active.Add(1)
		defer s.running.Pool.active.Add(-1)
	}
	for {
		ctx, goOn := s.next(vu != nil)
		if !goOn {
			return
		}
		vu.RunOnce(ctx, s.running)
	}
}

// next returns the context of the next iteration, or false when there is none to be.
func (s *slot) next(able bool) (context.Context, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.interrupt != nil {
		s.interrupt()
		s.interrupt = nil
	}
	if !able || !s.wanted || s.running.over() {
		s.alive = false
		return nil, false
	}
	ctx, cancel := context.WithCancel(s.running.limit)
	s.interrupt = cancel
	return ctx, true
}
