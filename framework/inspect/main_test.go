package inspect_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine of an Inspector outlives Close, and none of a request its end.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
