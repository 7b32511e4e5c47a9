package miltertest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

var (
	_ miltertest.T = (*testing.T)(nil)
	_ miltertest.T = (*testing.B)(nil)
	_ miltertest.T = testing.TB(nil)
	_ miltertest.T = (*miltertest.StandIn)(nil)
)

func TestStandInSaysNothingWhenAllIsWell(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	ex := miltertest.ExampleT(&out)
	miltertest.Run(ex, quiet(), miltertest.Message(plain)).AssertUnmodified(ex)
	assert.True(t, ex.Finish())
	assert.False(t, ex.Failed())
	assert.Empty(t, out.String())
	assert.Error(t, ex.Context().Err(), "what waits in the background ends")
}

func TestStandInShowsWhatFailed(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	ex := miltertest.ExampleT(&out)
	miltertest.Run(ex, quiet(), miltertest.Message(plain)).AssertRejected(ex)
	assert.False(t, ex.Finish())
	assert.Contains(t, out.String(), "the message should have been rejected")
	assert.Contains(t, out.String(), "MTA SMFIC_BODYEOB", "the traffic")
}

func TestStandInPanicsWhereATestWouldEnd(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	ex := miltertest.ExampleT(&out)
	bad := miltertest.FilterFunc("bad", func(*framework.Router) error { return errors.New("no key") })
	assert.Panics(t, func() { miltertest.NewServer(ex, bad) })
	assert.False(t, ex.Finish())
	assert.Contains(t, out.String(), "no key")
}

func TestStandInCleansUpInReverse(t *testing.T) {
	t.Parallel()
	ex := miltertest.ExampleT(new(strings.Builder))
	var order []int
	for i := range 3 {
		ex.Cleanup(func() { order = append(order, i) })
	}
	ex.Cleanup(func() { ex.Cleanup(func() { order = append(order, 9) }) })
	require.True(t, ex.Finish())
	assert.Equal(t, []int{9, 2, 1, 0}, order, "one that is added meanwhile too")
}
