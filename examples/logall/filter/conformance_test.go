package filter_test

import (
	"testing"

	"github.com/sluicemail/sluice/examples/logall/filter"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, filter.Filter{Limit: 20})
}
