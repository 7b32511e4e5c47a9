package framework_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestAcceptOfOneLaneOnStalwart accepts at each stage, the end of the message included, in
// the first of three filters. That filter is not called any more, though Stalwart goes on
// with the message. The others are called for each event, and their edits are made once.
func TestAcceptOfOneLaneOnStalwart(t *testing.T) {
	t.Parallel()
	const stages = "CHMRTLNBE"
	for i, letter := range stages {
		t.Run(string(letter), func(t *testing.T) {
			t.Parallel()
			var accepting, second, third *strings.Builder
			at := framework.StageEndOfMessage
			if i < len(stageTwins()) {
				at = stageTwins()[i].stage
			}
			r := framework.NewRouter()
			r.Mount(miltertest.FilterFunc("accepting", func(r *framework.Router) error {
				accepting = noted(r, at, framework.Accept)
				if at == framework.StageEndOfMessage {
					r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
						return framework.Accept, nil
					})
				}
				return nil
			}))
			r.Mount(watching(&second, "X-Second"))
			r.Mount(watching(&third, "X-Third"))
			srv := miltertest.NewRouterServer(t, r, miltertest.As(miltertest.Stalwart()))
			conn := srv.Dial(t)
			res := conn.Run(t, miltertest.Message("Subject: hello\n\nHow are you?\n"))
			res.AssertAccepted(t)
			assert.Equal(t, []string{"yes"}, res.HeaderValues("X-Second"))
			assert.Equal(t, []string{"yes"}, res.HeaderValues("X-Third"))
			require.NoError(t, conn.Quit(t.Context()))
			srv.Close(t)
			assert.Equal(t, stages[:i+1], strings.Trim(accepting.String(), "AQ"))
			assert.Equal(t, stages, strings.Trim(second.String(), "AQ"))
			assert.Equal(t, "CHMRTLLNBE", strings.Trim(third.String(), "AQ"), "with the field of the second filter")
		})
	}
}

// watching returns a filter that notes each event and adds a field at the end.
func watching(events **strings.Builder, name string) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		*events = noted(r, framework.StageUnknown, framework.Continue)
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, name, "yes")
		})
		return nil
	})
}
