//go:build integration

package integration_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that servers, gates or sinks have left behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
