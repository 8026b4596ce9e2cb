package script

import (
	"testing"

	"github.com/dop251/goja"
)

// Comparison is what an extension may hand to a script.
type Comparison struct {
	ComparisonResult string
	RemoteIP         string
	HTTPStatus       int
	Named            int `js:"other"`
	Hidden           int `js:"-"`
}

// IsGreater is a method that a script may call.
func (c *Comparison) IsGreater(a, b int64) bool { return a > b }

// XComparator is a constructor.
func (c *Comparison) XComparator(goja.ConstructorCall, *goja.Runtime) *goja.Object { return nil }

// Go's names become JavaScript's as the documentation tells: methods in camel case, fields in snake case or as tagged.
func TestNaming(t *testing.T) {
	runtime := goja.New()
	runtime.SetFieldNameMapper(naming{})
	if err := runtime.Set("it", &Comparison{ComparisonResult: "r", RemoteIP: "ip", HTTPStatus: 2, Named: 3, Hidden: 4}); err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string]any{
		"it.comparison_result": "r", "it.remote_ip": "ip", "it.http_status": int64(2), "it.other": int64(3),
		"it.isGreater(2, 1)": true, "typeof it.Comparator": "function", "typeof it.hidden": "undefined",
		"typeof it.Hidden": "undefined", "typeof it.IsGreater": "undefined", "typeof it.named": "undefined",
	} {
		value, err := runtime.RunString(expression)
		if err != nil || value.Export() != want {
			t.Errorf("%s is %v instead of %v (%v)", expression, value, want, err)
		}
	}
}
