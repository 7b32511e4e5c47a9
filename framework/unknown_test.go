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

// A refusal of an unknown command within a message is about the command: the
// filter has not decided about the message.
func TestUnknownRefusedWithinAMessage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		abort bool
		want  string
		diary []string
	}{
		{
			"accepted", false,
			`1 continue by "" at end of message aborted=false rcpts=0 size=0 queue= f:reject`, nil,
		},
		{
			"aborted", true,
			`1 continue by "" at connect aborted=true rcpts=0 size=0 queue= f:reject`,
			[]string{"abort"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var told ledgerOfEnds
			var diary []string
			r := framework.NewRouter()
			r.Use(afterEach(told.add))
			r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
				r.OnMail(goesOn)
				r.OnUnknown(says[*framework.Unknown](framework.Reject))
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error {
					diary = append(diary, "abort")
					return nil
				})
				return nil
			}))
			srv := miltertest.NewRouterServer(t, r)
			conn, ctx := srv.Dial(t), t.Context()
			_, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			resp, err := conn.Unknown(ctx, "FOO")
			require.NoError(t, err)
			assert.True(t, resp.Refuses())
			if tt.abort {
				require.NoError(t, conn.Abort())
			} else {
				_, _, err = conn.EndOfMessage(ctx, nil)
				require.NoError(t, err)
			}
			srv.Close(t)
			assert.Equal(t, []string{tt.want}, told.ends)
			assert.Equal(t, tt.diary, diary)
		})
	}
}
