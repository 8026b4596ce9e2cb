package script

import (
	"fmt"
	"slices"

	"github.com/dop251/goja"
)

// module is what a VU may import by one name.
type module struct {
	standard any            // the default export; nil: an object of all named ones
	named    map[string]any // the others
}

// The modules of k6 that this harness has.
var modulesByName = map[string]func(*VU) *module{
	"k6":           moduleK6,
	"k6/data":      moduleData,
	"k6/execution": moduleExecution,
	"k6/http":      moduleHTTP,
	"k6/metrics":   moduleMetrics,
	"k6/net/grpc":  moduleGRPC,
}

func (vu *VU) module(name string) (*module, error) {
	if found := vu.loaded[name]; found != nil {
		return found, nil
	}
	var found *module
	if make, there := modulesByName[name]; there {
		found = make(vu)
	} else if extension, there := extensionNamed(name); there {
		exports := extension.NewModuleInstance(vu.extension).Exports()
		found = &module{standard: exports.Default, named: exports.Named}
	} else {
		return nil, fmt.Errorf("unknown module %q: neither of k6, as far as this harness has it, nor an extension", name)
	}
	vu.loaded[name] = found
	return found, nil
}

// importModule returns what the bundle makes a module of: {default, named}.
func (vu *VU) importModule(name string) map[string]any {
	found, err := vu.module(name)
	vu.must(err)
	standard := vu.runtime.ToValue(found.standard)
	if found.standard == nil {
		standard = vu.runtime.ToValue(found.named)
	}
	if object, is := standard.(*goja.Object); is && object.ClassName() != "Function" {
		standard = vu.strict(name, object)
	}
	return map[string]any{"default": standard, "named": found.named}
}

// exportedNames returns the names of a module's exports.
func exportedNames(name string) ([]string, error) {
	found, err := newVU(NewHost("", nil), 0).module(name)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for each := range found.named {
		names = append(names, each)
	}
	slices.Sort(names)
	return names, nil
}

// object makes an object whose properties are read anew each time.
func (vu *VU) object(label string, getters map[string]func() any) *goja.Object {
	object := vu.runtime.NewObject()
	for name, get := range getters {
		getter := vu.runtime.ToValue(func(goja.FunctionCall) goja.Value { return vu.runtime.ToValue(get()) })
		vu.must(object.DefineAccessorProperty(name, getter, nil, goja.FLAG_FALSE, goja.FLAG_TRUE))
	}
	return vu.strict(label, object)
}
