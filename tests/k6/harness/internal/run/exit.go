// Package run is the life of a test: init context, setup, scenarios, teardown, thresholds, summary, exit code.
package run

import "errors"

// The exit codes of k6, as its documentation lists them; Usage is this harness's own.
const (
	OK                   = 0
	ThresholdsHaveFailed = 99
	SetupTimeout         = 100
	TeardownTimeout      = 101
	GenericTimeout       = 102
	InvalidConfig        = 104
	ExternalAbort        = 105
	ScriptException      = 107
	ScriptAborted        = 108
	MarkedAsFailed       = 110
	Usage                = 255
)

// exitError is an error with the exit code that it leads to.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

func exits(code int, err error) error {
	if err == nil {
		return nil
	}
	return exitError{err, code}
}

// codeOf returns the exit code of an error.
func codeOf(err error) int {
	if err == nil {
		return OK
	}
	if known := (exitError{}); errors.As(err, &known) {
		return known.code
	}
	return ScriptException
}
