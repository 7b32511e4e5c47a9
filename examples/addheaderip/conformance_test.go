package main_test

import (
	"testing"

	main "github.com/sluicemail/sluice/examples/addheaderip"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, main.Filter{Header: "X-Client-IP"})
}
