// Package common declares what a module finds in the init context. See the README: this is a stub, not k6.
package common

import "go.k6.io/k6/v2/lib"

// InitEnvironment is what the init context offers: here the registry of metrics alone.
type InitEnvironment struct {
	*lib.TestPreInitState
}
