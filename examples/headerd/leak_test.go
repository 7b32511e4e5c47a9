package main_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// fx leaves this one when a start fails; the process ends then.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("go.uber.org/fx.(*signalReceivers).relayer"))
}
