package filter_test

import (
	"testing"

	"github.com/sluicemail/sluice/examples/addheaderip/filter"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, filter.Filter{Header: "X-Client-IP"})
}
