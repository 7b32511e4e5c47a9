package miltertest

import "context"

// T is what the kit needs of a test. A *testing.T, a *testing.B and a testing.TB
// are one, and [ExampleT] makes one where there is no test.
type T interface {
	// Name begins the label of the goroutines of a server.
	Name() string
	Helper()
	// Context ends what waits for a filter.
	Context() context.Context
	// Cleanup has fn called at the end, the last one first.
	Cleanup(fn func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// FailNow does not return.
	FailNow()
}
