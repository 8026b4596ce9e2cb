// Package tally is the extension k6/x/tally of k6: it hands the packages beside it to scripts, and nothing else.
// Its source is under the Apache License 2.0; a k6 that is built with it is under k6's own licence. See the README.
package tally

import (
	"sync"

	"go.k6.io/k6/v2/js/modules"

	"tally.internal/xk6-tally/run"
)

func init() { modules.Register("k6/x/tally", New()) }

// Module is what all virtual users of a process share: the run that is open.
type Module struct {
	mutex   sync.Mutex
	opening bool
	open    *run.Run
}

// New returns the module; k6 makes one in a process.
func New() *Module { return &Module{} }

// NewModuleInstance returns what one virtual user imports. It runs in the init context, where metrics are declared.
func (m *Module) NewModuleInstance(vu modules.VU) modules.Instance {
	declared, err := declare(vu)
	return &instance{module: m, vu: vu, metrics: declared, broken: err}
}
