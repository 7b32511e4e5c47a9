package framework_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// If a message was aborted before a filter saw any of it, the next message does
// not get its macros.
func TestMacrosOfAnUnseenMessage(t *testing.T) {
	t.Parallel()
	for name, over := range map[string]func(*mta.Conn) error{
		"abort": (*mta.Conn).Abort,
		"HELO": func(c *mta.Conn) error {
			c.Frame(byte(wire.CmdHelo), []byte("again.example\x00"))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				addr := r.WantMacro(framework.StageRcpt, "{rcpt_addr}")
				r.ObserveHelo(watches)
				calls := 0
				r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
					calls++
					value, ok := addr.Value(s)
					assert.False(t, ok, value)
					return framework.Continue, nil
				})
				conn := serveOne(t, newServer(t, r, quiet()))
				require.NoError(t, conn.Macros(wire.CmdMail, []mta.Macro{{Name: "{rcpt_addr}", Value: "ann@example.org"}}))
				require.NoError(t, over(conn))
				_, err := conn.Rcpt(t.Context(), "bob@example.net")
				require.NoError(t, err)
				require.NoError(t, conn.Close())
				synctest.Wait()
				assert.Equal(t, 1, calls)
			})
		})
	}
}
