package script

import (
	"errors"
	"fmt"

	"github.com/dop251/goja"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/schedule"
)

func moduleExecution(vu *VU) *module {
	named := map[string]any{
		"vu":       vu.executionVU(),
		"scenario": vu.executionScenario(),
		"instance": vu.executionInstance(),
		"test":     vu.executionTest(),
	}
	return &module{named: named}
}

func (vu *VU) executionVU() *goja.Object {
	return vu.object("exec.vu", map[string]func() any{
		"idInTest":            func() any { return vu.id },
		"idInInstance":        func() any { return vu.id },
		"iterationInInstance": func() any { return vu.iteration },
		"iterationInScenario": func() any { return vu.inScenario[vu.scenario().Name] },
		"tags":                func() any { return vu.tags },
		"metrics": func() any {
			return vu.object("exec.vu.metrics", map[string]func() any{"tags": func() any { return vu.tags }})
		},
	})
}

func (vu *VU) executionScenario() *goja.Object {
	return vu.object("exec.scenario", map[string]func() any{
		"name":                func() any { return vu.scenario().Name },
		"executor":            func() any { return vu.scenario().Executor },
		"startTime":           func() any { return vu.scenario().Began() },
		"progress":            func() any { return vu.scenario().Progress() },
		"iterationInTest":     func() any { vu.scenario(); return vu.inTest },
		"iterationInInstance": func() any { vu.scenario(); return vu.inTest },
	})
}

// scenario returns the scenario of this moment; elsewhere there is none, which is an error.
func (vu *VU) scenario() *schedule.Running {
	if vu.running == nil || vu.phase != "" {
		vu.throw(errors.New("exec.scenario and exec.vu.iterationInScenario are known in scenarios only"))
	}
	return vu.running
}

func (vu *VU) executionInstance() *goja.Object {
	return vu.object("exec.instance", map[string]func() any{
		"vusActive":              func() any { return vu.host.Facts().Active },
		"vusInitialized":         func() any { return vu.host.Facts().Initialized },
		"currentTestRunDuration": func() any { return metrics.Milliseconds(vu.host.Facts().Lasted) },
		"iterationsCompleted":    func() any { return vu.host.Completed.Load() },
		"iterationsInterrupted":  func() any { return vu.host.Interrupted.Load() },
	})
}

func (vu *VU) executionTest() *goja.Object {
	abort := func(message goja.Value) {
		text := "test aborted"
		if !absent(message) {
			text = fmt.Sprintf("test aborted: %s", message)
		}
		vu.host.Abort(text)
		vu.runtime.Interrupt(errAborted) // a script cannot catch it
	}
	return vu.object("exec.test", map[string]func() any{
		"abort":   func() any { return abort },
		"fail":    func() any { return func(message string) { vu.host.Fail(message) } },
		"options": func() any { return vu.parse(vu.host.options) },
	})
}

// SetOptions keeps the script's options for exec.test.options.
func (h *Host) SetOptions(text string) { h.options = text }
