package main_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// fx leaves this goroutine behind if the start fails. The process ends
	// then.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("go.uber.org/fx.(*signalReceivers).relayer"))
}
