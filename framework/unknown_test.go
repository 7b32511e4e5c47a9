package framework_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Whatever a handler returns for an unknown command, later messages are
// filtered.
func TestUnknownSendsNoFilterAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verdict framework.Verdict
		err     error
		lane    []framework.LaneOption
	}{
		"accept":         {verdict: framework.Accept},
		"fails open":     {err: errors.New("boom"), lane: []framework.LaneOption{framework.FailOpen()}},
		"accept, on dry": {verdict: framework.Accept, lane: []framework.LaneOption{framework.DryRun()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
					return c.verdict, c.err
				})
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					asked++
					return framework.Continue, nil
				})
				return nil
			})
			conn := miltertest.NewServer(t, filter, miltertest.Lane(c.lane...)).Dial(t)
			_, err := conn.Unknown(t.Context(), "FOO")
			require.NoError(t, err)
			conn.Run(t, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
			assert.Equal(t, 1, asked)
		})
	}
}
