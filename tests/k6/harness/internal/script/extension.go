package script

import (
	"context"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib"
)

// extensionVU is a VU as an extension sees it.
type extensionVU struct {
	vu    *VU
	state *lib.State
}

// Context ends when the iteration, setup or teardown is to end.
func (e *extensionVU) Context() context.Context { return e.vu.ctx }

// InitEnv is nil outside the init context.
func (e *extensionVU) InitEnv() *common.InitEnvironment {
	if !e.vu.initing {
		return nil
	}
	return &common.InitEnvironment{TestPreInitState: &lib.TestPreInitState{Registry: e.vu.host.extension}}
}

// State is nil in the init context.
func (e *extensionVU) State() *lib.State {
	if e.vu.initing {
		return nil
	}
	return e.state
}

// enter makes the state of what begins now: its tags are those of the VU.
func (e *extensionVU) enter() {
	tags := e.vu.host.extension.RootTagSet()
	for name, value := range e.vu.tagged(nil) {
		tags = tags.With(name, value)
	}
	e.state = &lib.State{Samples: e.vu.host.Samples, Tags: lib.NewVUStateTags(tags), VUID: uint64(e.vu.id)}
}
