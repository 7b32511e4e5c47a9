package framework_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// If Close of a session hangs after the MTA began another one, the reply is about the other
// one, for which no lane has decided: neither an accept nor a failure of the session before
// counts.
func TestHangingCloseBeforeAnotherSession(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]struct {
		verdict framework.Verdict
		err     error
		replies string
	}{
		"accepted before":           {framework.Accept, nil, "a"},
		"refused before":            {framework.Reject, nil, "r"},
		"a failure before":          {framework.Continue, context.Canceled, "y"},
		"nothing is decided before": {framework.Continue, nil, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				r := framework.NewRouter()
				r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) {
					return first.verdict, first.err
				})
				r.ObserveClose(func(*framework.Session, *framework.Close) error { <-release; return nil })
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
				conn := srv.Dial(t)
				assert.Equal(t, first.replies, talk(t, conn, "C"))
				assert.Equal(t, "y", talk(t, conn, "C"), "the policy requires the decision of the filter")
				close(release)
				srv.Close(t)
			})
		})
	}
}

// A filter that hangs cannot negotiate again. The MTA sees that at once, whether it makes
// the offer while Close hangs, or after a reply on behalf of the handler.
func TestOfferWhileCloseHangs(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"the offer ends the session": "", "after the end": "K"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				r := framework.NewRouter()
				r.OnConnect(goesOn[*framework.Connect])
				r.ObserveClose(func(*framework.Session, *framework.Close) error { <-release; return nil })
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
				conn := mta.NewConn(srv.DialRaw(), mta.Config{CommandTimeout: time.Hour})
				require.NoError(t, conn.Negotiate(t.Context()))
				conn.Frame('C', []byte(commandData('C')))
				_, err := conn.ReadReply(t.Context())
				require.NoError(t, err)
				for _, c := range before {
					conn.Frame(byte(c), nil)
				}
				began := time.Now()
				conn.Frame('O', []byte(commandData('O')))
				_, err = conn.ReadReply(t.Context())
				require.Error(t, err)
				assert.Less(t, time.Since(began), time.Minute, "it ends when the handler's time is over")
				close(release)
				srv.Close(t)
			})
		})
	}
}
