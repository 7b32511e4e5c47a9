//go:build integration

package integration_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that servers, gates and sinks leave no goroutines behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
