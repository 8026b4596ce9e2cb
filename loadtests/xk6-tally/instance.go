package tally

import (
	"errors"
	"fmt"
	"time"

	"go.k6.io/k6/v2/js/modules"

	"tally.internal/xk6-tally/operands"
	"tally.internal/xk6-tally/run"
	"tally.internal/xk6-tally/trace"
)

const waitMax = time.Hour

var (
	errInit    = errors.New("k6/x/tally: only additions() may be called in the init context")
	errNotOpen = errors.New("no run is open: call open() in setup() first")
)

// instance is the module as one virtual user has it. See index.d.ts for what each function promises.
type instance struct {
	module  *Module
	vu      modules.VU
	metrics *metricSet
	broken  error // why the metrics could not be declared; told by the first call that needs them
}

// Exports lists what a script imports: each name, and all of them as the default.
func (i *instance) Exports() modules.Exports {
	named := map[string]any{
		"additions": i.additions,
		"open":      i.open,
		"begin":     i.begin,
		"settle":    i.settle,
		"startSpan": i.startSpan,
		"poison":    i.poison,
		"finish":    i.finish,
	}
	return modules.Exports{Default: named, Named: named}
}

func (i *instance) additions(tag string, seed, stream int64) (*operands.Draw, error) {
	parsed, err := operands.ParseTag(tag)
	if err != nil {
		return nil, err
	}
	return operands.NewDraw(parsed, uint64(seed), uint64(stream)), nil
}

func (i *instance) open(settings map[string]any) error {
	if err := i.usable(); err != nil {
		return err
	}
	parsed, err := run.ParseSettings(settings)
	if err != nil {
		return err
	}
	if err := i.module.reserve(); err != nil {
		return err
	}
	opened, err := run.Open(i.vu.Context(), parsed)
	i.module.set(opened)
	return err
}

func (i *instance) begin(id, sum string) error {
	current, err := i.current()
	if err != nil {
		return err
	}
	return current.Begin(id, sum)
}

func (i *instance) settle(id, outcome string) error {
	current, err := i.current()
	if err != nil {
		return err
	}
	i.metrics.progress(i.vu, current.Progress())
	return current.Settle(id, outcome)
}

func (i *instance) startSpan(name string) (*trace.Span, error) {
	current, err := i.current()
	if err != nil {
		return nil, err
	}
	return current.StartSpan(name), nil
}

func (i *instance) poison() ([]any, error) {
	current, err := i.current()
	if err != nil {
		return nil, err
	}
	sent, err := current.Poison(i.vu.Context())
	told := make([]any, len(sent))
	for number, each := range sent {
		told[number] = map[string]any{"reason": each.Reason, "partition": each.Partition, "offset": each.Offset}
	}
	return told, err
}

func (i *instance) finish(waitSeconds float64) (map[string]any, error) {
	if err := i.usable(); err != nil {
		return nil, err
	}
	wait := time.Duration(waitSeconds * float64(time.Second))
	if wait <= 0 || wait > waitMax {
		return nil, fmt.Errorf("finish(%v): the seconds to wait must be above 0, at most %.0f", waitSeconds, waitMax.Seconds())
	}
	current, err := i.module.take()
	if err != nil {
		return nil, err
	}
	result, err := current.Finish(i.vu.Context(), wait)
	i.metrics.progress(i.vu, current.Progress())
	if err != nil {
		return nil, err
	}
	i.metrics.verdict(i.vu, &result)
	return told(&result), nil
}

// usable tells whether this is an iteration, setup or teardown: there is a context then, and samples go somewhere.
func (i *instance) usable() error {
	if i.vu.State() == nil {
		return errInit
	}
	return i.broken
}

func (i *instance) current() (*run.Run, error) {
	if err := i.usable(); err != nil {
		return nil, err
	}
	return i.module.current()
}

func (m *Module) reserve() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.open != nil || m.opening {
		return errors.New("a run is open already: open() is called once, in setup()")
	}
	m.opening = true
	return nil
}

func (m *Module) set(opened *run.Run) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.open, m.opening = opened, false
}

func (m *Module) current() (*run.Run, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.open == nil {
		return nil, errNotOpen
	}
	return m.open, nil
}

func (m *Module) take() (*run.Run, error) {
	current, err := m.current()
	if err == nil {
		m.set(nil)
	}
	return current, err
}

// told is the verdict as a script gets it: names as in the file of loadtests/judging/verdict.py.
func told(result *run.Result) map[string]any {
	return map[string]any{
		"judged": result.Judged,
		"digest": map[string]any{
			"tag": result.Digest.Tag, "acked": result.Digest.Acked, "refused": result.Digest.Refused,
			"unknown": result.Digest.Unknown, "acked_sum": result.Digest.AckedSum, "fingerprint": result.Digest.Fingerprint,
		},
		"counted": result.Counted, "counted_sum": result.CountedSum, "unknown_counted": result.UnknownCounted,
		"lost": result.Lost, "doubled": result.Doubled, "wrong_sum": result.WrongSum,
		"refused_but_counted": result.RefusedButCounted, "never_sent": result.NeverSent,
		"records_read": result.Topic.Records, "records_wrong": result.Topic.Wrong,
		"poison_sent": result.Topic.PoisonSent, "poison_unjudged": result.Topic.PoisonUnjudged,
		"spans_lost": result.SpansLost,
		"problems":   append(append([]string{}, result.Problems...), result.Topic.WrongExamples...),
		"examples":   result.Examples,
	}
}
