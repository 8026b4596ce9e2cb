package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"tally.internal/xk6-tally/operands"
	"tally.internal/xk6-tally/topic"
	"tally.internal/xk6-tally/trace"
	"tally.internal/xk6-tally/truth"
)

// waitingMax bounds the additions whose way to the topic is timed at once, and the times that wait to be told; more than
// that are not timed. At 4,000 additions a second it is a lag of 16 s.
const waitingMax = 1 << 16

// Run is one run of a script, shared by all virtual users, safe for goroutines.
//
// Theory of operation. Open in setup; Begin before an addition is sent and Settle after it; Finish in teardown, once.
// The topic's goroutine takes the time from Begin to the moment when it reads the record: one clock, of this process.
// Progress hands out what was measured since the last call, so that whichever user comes next tells it to k6.
type Run struct {
	settings Settings
	log      *truth.Log
	rows     *truth.Rows
	watch    *topic.Watch
	tracer   *trace.Tracer

	mutex   sync.Mutex
	waiting map[operands.ID]time.Time
	times   []float64
	records int
}

// Progress is what was read of the topic since it was last asked for.
type Progress struct {
	Records   int
	VisibleMS []float64
}

// Result is the verdict of a run. Judged is false when the topic was not read.
type Result struct {
	truth.Verdict
	Judged     bool
	Topic      topic.Found
	SpansLost  uint64
	SpansError error
}

// Wrong counts what is wrong with records of the run beside those that are lost or doubled.
func (r *Result) Wrong() uint64 {
	return r.WrongSum + r.RefusedButCounted + r.NeverSent + r.Topic.Wrong + uint64(len(r.Problems))
}

// Open begins a run. The context is for the opening alone; what was begun is ended again when something fails.
func Open(ctx context.Context, settings Settings) (run *Run, err error) {
	run = &Run{settings: settings, waiting: map[operands.ID]time.Time{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, run.abandon())
			run = nil
		}
	}()
	if run.tracer, err = trace.New(ctx, settings.Traces, settings.TracedShare); err != nil {
		return run, err
	}
	if len(settings.Kafka) > 0 {
		if run.rows, err = truth.CreateRows(filepath.Dir(settings.Outcomes)); err != nil {
			return run, err
		}
		run.watch, err = topic.Start(ctx, topic.Settings{
			Kafka: settings.Kafka, Registry: settings.Registry, Tag: settings.Tag, Record: run.record,
		})
		if err != nil {
			return run, err
		}
	}
	run.log, err = truth.Create(settings.Outcomes, settings.Tag)
	return run, err
}

// Begin notes that an addition is about to be sent.
func (r *Run) Begin(id, sum string) error {
	key, err := operands.ParseID(id)
	if err != nil {
		return err
	}
	value, err := operands.Parse(sum)
	if err != nil {
		return err
	}
	if !r.settings.Tag.Has(key[:]) {
		return fmt.Errorf("id %s does not begin with the run's tag %s: draw ids with that tag", id, r.settings.Tag)
	}
	r.await(key)
	return r.log.Begin(key, value)
}

// Settle notes what became of an addition.
func (r *Run) Settle(id, outcome string) error {
	key, err := operands.ParseID(id)
	if err != nil {
		return err
	}
	what, err := truth.ParseOutcome(outcome)
	if err != nil {
		return err
	}
	if what == truth.Refused {
		r.forget(key)
	}
	return r.log.Settle(key, what)
}

// Progress returns what was read of the topic since the last call.
func (r *Run) Progress() Progress {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	progress := Progress{r.records, r.times}
	r.records, r.times = 0, nil
	return progress
}

// StartSpan begins an iteration's root span.
func (r *Run) StartSpan(name string) *trace.Span { return r.tracer.Start(name) }

// Poison sends one record for each way to break the contract.
func (r *Run) Poison(ctx context.Context) ([]topic.Poison, error) {
	if r.watch == nil {
		return nil, errors.New("poison needs Kafka: give open() the settings kafka and registry")
	}
	return r.watch.Poison(ctx)
}

// Finish settles what is on its way as unknown, reads the topic to its end, compares, and sends the last spans.
func (r *Run) Finish(ctx context.Context, wait time.Duration) (result Result, err error) {
	// 1. no outcome after this
	digest, err := r.log.Close()
	result.Digest = digest
	if err != nil {
		return result, errors.Join(err, r.abandon())
	}
	// 2. what the topic has, and whether it is what was acknowledged
	if r.watch != nil {
		result, err = r.judge(ctx, digest, wait)
	}
	// 3. spans: a lost one does not change the verdict
	result.SpansLost, result.SpansError = r.tracer.Close(ctx)
	return result, err
}

func (r *Run) judge(ctx context.Context, digest truth.Digest, wait time.Duration) (result Result, err error) {
	defer func() { err = errors.Join(err, r.rows.Remove()) }()
	result.Digest = digest
	result.Topic, err = r.watch.Finish(ctx, wait)
	if err := errors.Join(err, r.rows.Close()); err != nil {
		return result, err
	}
	result.Verdict, err = truth.Judge(r.settings.Outcomes, digest, r.rows)
	result.Judged = err == nil
	return result, err
}

// record is called by the topic's goroutine for each sound record of the run.
func (r *Run) record(id operands.ID, sum operands.Int128) error {
	r.mutex.Lock()
	r.records++
	if begun, there := r.waiting[id]; there {
		delete(r.waiting, id)
		if len(r.times) < waitingMax {
			r.times = append(r.times, float64(time.Since(begun))/float64(time.Millisecond))
		}
	}
	r.mutex.Unlock()
	return r.rows.Put(id, sum)
}

func (r *Run) await(id operands.ID) {
	if r.watch == nil || !r.settings.Timed {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.waiting) < waitingMax {
		r.waiting[id] = time.Now()
	}
}

func (r *Run) forget(id operands.ID) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.waiting, id)
}

// abandon ends whatever was begun.
func (r *Run) abandon() (err error) {
	if r.watch != nil {
		r.watch.Close()
	}
	if r.rows != nil {
		err = errors.Join(r.rows.Close(), r.rows.Remove())
	}
	if r.tracer != nil {
		_, closing := r.tracer.Close(context.Background())
		err = errors.Join(err, closing)
	}
	return err
}
