package script

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/dop251/goja"
)

// setGlobals gives the runtime the globals of k6.
func (vu *VU) setGlobals() {
	vu.set("__VU", vu.id)
	vu.set("__ENV", vu.env(nil))
	vu.set("open", vu.open)
	vu.set(importer, vu.importModule)
	console := map[string]any{}
	for method, level := range map[string]string{
		"log": "info", "info": "info", "warn": "warning", "error": "error", "debug": "debug",
	} {
		console[method] = func(call goja.FunctionCall) goja.Value {
			vu.host.Log(level, vu.joined(call.Arguments))
			return goja.Undefined()
		}
	}
	vu.set("console", vu.strict("console", vu.runtime.ToValue(console).ToObject(vu.runtime)))
}

// env returns the variables of a run, and of a scenario over them.
func (vu *VU) env(more map[string]string) map[string]string {
	all := maps.Clone(vu.host.Env)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}

func (vu *VU) joined(values []goja.Value) string {
	texts := []string{}
	for _, each := range values {
		text := each.String()
		if object, is := each.(*goja.Object); is && object.ClassName() != "Error" {
			if encoded, err := json.Marshal(object); err == nil {
				text = string(encoded)
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// open reads a file, in the init context only; a relative path begins at the script's folder.
func (vu *VU) open(path, mode string) goja.Value {
	if !vu.initing {
		vu.throw(fmt.Errorf("open(%q) is allowed in the init context only", path))
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(vu.host.Path), path)
	}
	text, err := os.ReadFile(path)
	vu.must(err)
	switch mode {
	case "":
		return vu.runtime.ToValue(string(text))
	case "b":
		return vu.runtime.ToValue(vu.runtime.NewArrayBuffer(text))
	}
	vu.throw(fmt.Errorf("open(%q): there is no mode %q, only \"b\"", path, mode))
	return nil
}
