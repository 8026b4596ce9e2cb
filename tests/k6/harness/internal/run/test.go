package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/schedule"
	"tally/tests/k6/harness/internal/script"
)

// test is one run of a script.
type test struct {
	host    *script.Host
	options *options
	program *script.Program
	pool    *schedule.Pool
	log     *logger
	stdout  io.Writer
	stderr  io.Writer

	began  time.Time
	lasted time.Duration // when it is over
	made   atomic.Int64  // VUs
	failed atomic.Bool   // by exec.test.fail
	stop   context.CancelCauseFunc
}

// Test runs a script and returns the exit code. When signalled ends, the run is aborted as by a signal.
func Test(signalled context.Context, path string, env map[string]string, stdout, stderr io.Writer) int {
	t := &test{host: script.NewHost(path, env), log: &logger{output: stderr}, stdout: stdout, stderr: stderr}
	err := t.run(signalled)
	if err != nil {
		t.log.log("error", err.Error())
	}
	return codeOf(err)
}

func (t *test) run(signalled context.Context) error {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	t.stop = stop
	external := exits(ExternalAbort, errors.New("test aborted by a signal"))
	defer context.AfterFunc(signalled, func() { stop(external) })()
	t.host.Log, t.host.Facts, t.host.Fail = t.log.log, t.facts, t.fail
	t.host.Abort = func(message string) { stop(exits(ScriptAborted, errors.New(message))) }
	if _, err := os.Stat(t.host.Path); err != nil {
		return exits(Usage, fmt.Errorf("the script cannot be read: %w", err))
	}
	// 1. the init context, once for the options and then for each VU
	first, vus, err := t.init(ctx)
	if err != nil {
		return cause(ctx, err)
	}
	draining, drained := context.WithCancel(context.Background())
	defer drained()
	go t.host.Drain(draining)
	// 2. setup, scenarios, teardown
	t.began = time.Now()
	err = t.lifecycle(ctx, first, vus)
	// 3. the thresholds, the summary
	t.host.Flush()
	t.lasted = time.Since(t.began)
	crossed := t.host.Metrics.Evaluate(t.lasted)
	if summary := t.summarise(first); err == nil {
		err = summary
	}
	if err == nil && len(crossed.Crossed) > 0 {
		err = exits(ThresholdsHaveFailed, fmt.Errorf("thresholds have been crossed: %s", crossed))
	}
	if err == nil && t.failed.Load() {
		err = exits(MarkedAsFailed, errors.New("the script marked the test as failed"))
	}
	return err
}

// init returns the VU that runs setup, teardown and handleSummary, and those of the scenarios.
func (t *test) init(ctx context.Context) (*script.VU, []schedule.VU, error) {
	program, err := script.Load(t.host)
	if err != nil {
		return nil, nil, err
	}
	t.program = program
	first, err := program.NewVU(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := t.configure(first); err != nil {
		return nil, nil, exits(InvalidConfig, err)
	}
	vus := make([]schedule.VU, schedule.PlannedVUs(t.options.scenarios))
	places := make(chan int, len(vus))
	for at := range vus {
		places <- at
	}
	close(places)
	failures := make([]error, runtime.GOMAXPROCS(0))
	workers := sync.WaitGroup{}
	for worker := range failures {
		workers.Go(func() {
			for at := range places {
				vu, err := t.another(ctx)
				vus[at], failures[worker] = vu, errors.Join(failures[worker], err)
				if err != nil {
					return
				}
			}
		})
	}
	workers.Wait()
	return first, vus, errors.Join(failures...)
}

// configure reads the script's options.
func (t *test) configure(first *script.VU) error {
	text, err := first.ExportedOptions()
	if err != nil {
		return err
	}
	if t.options, err = parseOptions(text); err != nil {
		return err
	}
	for _, each := range t.options.scenarios {
		if !first.Exports(each.Exec) {
			return fmt.Errorf("scenario %q: the script exports no function %q", each.Name, each.Exec)
		}
	}
	t.host.SetOptions(string(text))
	t.host.Options = t.options.forVUs(t.host.Options)
	configs := map[string][]metrics.ThresholdConfig{}
	for key, each := range t.options.Thresholds {
		name, _, _ := strings.Cut(key, "{")
		t.host.KnowExtensionMetric(name)
		configs[key] = each
	}
	return t.host.Metrics.SetThresholds(configs)
}

// another makes one more VU.
func (t *test) another(ctx context.Context) (schedule.VU, error) {
	vu, err := t.program.NewVU(ctx, t.made.Add(1))
	if err != nil {
		return nil, err
	}
	return vu, nil
}

// lifecycle runs setup, the scenarios and, when setup went well, teardown.
func (t *test) lifecycle(ctx context.Context, first *script.VU, vus []schedule.VU) error {
	t.pool = schedule.NewPool(vus, t.another)
	data, err := t.once(ctx, first, "setup", time.Duration(t.options.SetupTimeout), SetupTimeout)
	if err != nil {
		return err
	}
	t.host.SetSetupData(data)
	t.scenarios(ctx)
	arguments := []string{}
	if len(data) > 0 {
		arguments = append(arguments, string(data))
	}
	limit := time.Duration(t.options.TeardownTimeout)
	_, err = t.once(context.WithoutCancel(ctx), first, "teardown", limit, TeardownTimeout, arguments...)
	return cause(ctx, err)
}

// once calls setup or teardown, if there is one.
func (t *test) once(
	ctx context.Context, vu *script.VU, name string, limit time.Duration, code int, arguments ...string,
) (json.RawMessage, error) {
	if !vu.Exports(name) {
		return nil, nil
	}
	limited, release := context.WithTimeout(ctx, limit)
	defer release()
	data, err := vu.Call(limited, name, arguments...)
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		return nil, exits(code, fmt.Errorf("%s() took more than %s", name, limit))
	}
	if err != nil {
		return nil, cause(ctx, err)
	}
	return data, nil
}

// cause returns why a context ended, or the error where it did not.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

func (t *test) fail(message string) {
	t.failed.Store(true)
	t.log.log("error", "the test is marked as failed: "+message)
}

func (t *test) facts() script.Facts {
	facts := script.Facts{Initialized: t.made.Load()}
	if t.pool != nil {
		facts.Active, facts.Lasted = t.pool.Active(), time.Since(t.began)
	}
	return facts
}
