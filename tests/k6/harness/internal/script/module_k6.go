package script

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dop251/goja"
)

func moduleK6(vu *VU) *module {
	return &module{named: map[string]any{
		"check": vu.check,
		"sleep": vu.sleep,
		"fail": func(message string) error {
			if message == "" {
				message = "fail() was called"
			}
			return errors.New(message)
		},
	}}
}

func (vu *VU) sleep(given goja.Value) error {
	if err := vu.afterInit("sleep"); err != nil {
		return err
	}
	seconds := math.NaN()
	if !absent(given) {
		seconds = given.ToFloat()
	}
	if math.IsNaN(seconds) || seconds < 0 {
		return fmt.Errorf("sleep(%v): seconds are needed, 0 or more", given)
	}
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-vu.ctx.Done():
		return vu.interrupted()
	}
}

// check calls each function of a set with a value; all of them must return something true.
func (vu *VU) check(value, set, tags goja.Value) (bool, error) {
	if err := vu.afterInit("check"); err != nil {
		return false, err
	}
	if absent(set) {
		return false, errors.New("check() needs an object of functions by name")
	}
	sets, all, more := set.ToObject(vu.runtime), true, vu.textsOf(tags)
	for _, name := range sets.Keys() {
		result := sets.Get(name)
		var thrown error
		if function, callable := goja.AssertFunction(result); callable {
			result, thrown = function(goja.Undefined(), value)
		}
		if cause := (*goja.InterruptedError)(nil); errors.As(thrown, &cause) {
			vu.runtime.Interrupt(cause.Value()) // the check neither held nor failed
			return false, thrown
		}
		held := thrown == nil && result.ToBoolean()
		vu.host.Checks.add(name, held)
		more["check"] = name
		vu.add("checks", numberOf(held), more)
		if thrown != nil {
			return false, thrown
		}
		all = all && held
	}
	return all, nil
}

func numberOf(held bool) float64 {
	if held {
		return 1
	}
	return 0
}

// afterInit refuses what the init context may not do.
func (vu *VU) afterInit(what string) error {
	if vu.initing {
		return fmt.Errorf("%s is not allowed in the init context", what)
	}
	return nil
}

// inInit refuses what only the init context may do.
func (vu *VU) inInit(what string) error {
	if !vu.initing {
		return fmt.Errorf("%s is allowed in the init context only", what)
	}
	return nil
}
