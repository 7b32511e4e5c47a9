package framework_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestDrainLetsAWithheldMessageFinish has an MTA that withholds every stage but
// the end of message: that a message is under way shows in its macros alone.
func TestDrainLetsAWithheldMessageFinish(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin func(*testing.T, *mta.Conn)
		ends  bool // the session is over before the MTA goes on
	}{
		"a message is announced": {
			func(t *testing.T, c *mta.Conn) {
				t.Helper()
				require.NoError(t, c.Macros(wire.CmdMail, nil))
			}, false,
		},
		"it was given up": {
			func(t *testing.T, c *mta.Conn) {
				t.Helper()
				require.NoError(t, c.Macros(wire.CmdMail, nil))
				require.NoError(t, c.Abort())
			}, true,
		},
		"the client has but said hello": {
			func(t *testing.T, c *mta.Conn) {
				t.Helper()
				require.NoError(t, c.Macros(wire.CmdHelo, nil))
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Reject, nil
				})
				srv, err := framework.NewServer(r, framework.Config{})
				require.NoError(t, err)
				far, near := miltertest.Pipe()
				go srv.ServeConn(near)
				conn := mta.NewConn(far, mta.Config{})
				require.NoError(t, conn.Negotiate(t.Context()))
				c.begin(t, conn)
				require.NoError(t, conn.Flush(t.Context()))
				synctest.Wait()

				done := make(chan error, 1)
				go func() { done <- srv.Shutdown(t.Context()) }()
				time.Sleep(10 * time.Second)
				res, _, err := conn.EndOfMessage(t.Context(), nil)
				if c.ends {
					assert.Error(t, err)
				} else {
					require.NoError(t, err)
					assert.Equal(t, wire.RepReject, res.Code)
				}
				_ = conn.Close()
				assert.NoError(t, <-done)
			})
		})
	}
}
