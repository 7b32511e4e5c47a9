package miltertest

import "github.com/sluicemail/sluice/framework"

// FilterFunc returns a filter made of a function, for tests that need no type
// of their own.
func FilterFunc(name string, register func(*framework.Router) error) framework.Filter {
	return filterFunc{name, register}
}

type filterFunc struct {
	name     string
	register func(*framework.Router) error
}

// Name implements framework.Filter.
func (f filterFunc) Name() string { return f.name }

// Register implements framework.Filter.
func (f filterFunc) Register(r *framework.Router) error { return f.register(r) }
