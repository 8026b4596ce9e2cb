package script

import (
	"encoding/json"
	"errors"

	"github.com/dop251/goja"
)

func moduleData(vu *VU) *module {
	return &module{named: map[string]any{"SharedArray": vu.sharedArray}}
}

// sharedArray makes an array once for all VUs; each of them has its own frozen copy here.
func (vu *VU) sharedArray(call goja.ConstructorCall) *goja.Object {
	vu.must(vu.inInit("new SharedArray"))
	name := call.Argument(0).String()
	build, callable := goja.AssertFunction(call.Argument(1))
	if !callable || name == "" {
		vu.throw(errors.New("new SharedArray(name, function) needs both"))
	}
	text, found := vu.host.shared.Load(name)
	if !found {
		made, err := build(goja.Undefined())
		vu.must(err)
		encoded, err := json.Marshal(made)
		vu.must(err)
		text, _ = vu.host.shared.LoadOrStore(name, string(encoded))
	}
	array := vu.parse(text.(string)).ToObject(vu.runtime)
	if array.ClassName() != "Array" {
		vu.throw(errors.New("the function of a SharedArray must return an array"))
	}
	freeze, _ := goja.AssertFunction(vu.runtime.Get("Object").ToObject(vu.runtime).Get("freeze"))
	_, err := freeze(goja.Undefined(), array)
	vu.must(err)
	return array
}
