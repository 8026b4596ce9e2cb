package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// What JavaScript itself asks of any object.
var asked = []string{"toJSON", "then", "constructor", "prototype", "length", "inspect"}

// strict returns the object so that a property which it does not have is an error, not undefined.
func (vu *VU) strict(label string, object *goja.Object) *goja.Object {
	get := func(target *goja.Object, property string, _ goja.Value) goja.Value {
		value := target.Get(property)
		if value == nil && !slices.Contains(asked, property) {
			panic(vu.runtime.NewTypeError("this harness has no %s.%s; it has %s", label, property, listed(target)))
		}
		return value
	}
	proxy := vu.runtime.NewProxy(object, &goja.ProxyTrapConfig{Get: get})
	return vu.runtime.ToValue(proxy).ToObject(vu.runtime)
}

func listed(object *goja.Object) string {
	names := append([]string{}, object.Keys()...)
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// fieldsOf returns the fields of an object that a script gives, all of which must be known.
func (vu *VU) fieldsOf(what string, given goja.Value, known ...string) map[string]goja.Value {
	fields := map[string]goja.Value{}
	if absent(given) {
		return fields
	}
	object := given.ToObject(vu.runtime)
	for _, name := range object.Keys() {
		if !slices.Contains(known, name) {
			vu.throw(fmt.Errorf("%s: this harness does not know %q, but %s", what, name, strings.Join(known, ", ")))
		}
		if value := object.Get(name); !absent(value) {
			fields[name] = value
		}
	}
	return fields
}

// textsOf returns an object's fields as text.
func (vu *VU) textsOf(given goja.Value) map[string]string {
	texts := map[string]string{}
	if absent(given) {
		return texts
	}
	object := given.ToObject(vu.runtime)
	for _, name := range object.Keys() {
		texts[name] = object.Get(name).String()
	}
	return texts
}

func absent(value goja.Value) bool {
	return value == nil || goja.IsUndefined(value) || goja.IsNull(value)
}

// throw ends the Go function that JavaScript called with an error.
func (vu *VU) throw(err error) { panic(vu.runtime.NewGoError(err)) }

func (vu *VU) must(err error) {
	if err != nil {
		vu.throw(err)
	}
}
