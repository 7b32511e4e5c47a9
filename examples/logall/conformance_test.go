package main_test

import (
	"testing"

	main "github.com/sluicemail/sluice/examples/logall"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, main.Filter{Limit: 20})
}
