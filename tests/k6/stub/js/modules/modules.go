// Package modules declares what a JavaScript module of k6 is. See the README: this is a stub, not k6.
package modules

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib"
)

const prefix = "k6/x/"

var (
	registered = map[string]any{}
	mutex      sync.RWMutex
)

// Register makes a module importable by its name, which begins with "k6/x/". It panics on any other and on a second one.
func Register(name string, module any) {
	if !strings.HasPrefix(name, prefix) {
		panic(fmt.Sprintf("the name of an extension begins with %s: %s", prefix, name))
	}
	mutex.Lock()
	defer mutex.Unlock()
	if _, there := registered[name]; there {
		panic("registered before: " + name)
	}
	registered[name] = module
}

// Registered returns the module of a name. It is the stub's own: the harness resolves imports by it.
func Registered(name string) (any, bool) {
	mutex.RLock()
	defer mutex.RUnlock()
	module, there := registered[name]
	return module, there
}

// Module is made once in a process; NewModuleInstance is called for each VU that imports it.
type Module interface {
	NewModuleInstance(VU) Instance
}

// Instance is a module as one VU has it.
type Instance interface {
	Exports() Exports
}

// Exports is what a script imports.
type Exports struct {
	Default any
	Named   map[string]any
}

// VU gives a module access to its VU: InitEnv is nil outside the init context, State is nil in it.
type VU interface {
	Context() context.Context
	InitEnv() *common.InitEnvironment
	State() *lib.State
}
