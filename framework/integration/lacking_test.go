//go:build integration

package integration_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// lessOffered is a connection to a server that offers fewer actions. It clears bits in the
// server's offer, which is the first frame.
type lessOffered struct {
	net.Conn

	lacks wire.Actions
	seen  int // bytes of the offer
}

// Read implements net.Conn.
func (c *lessOffered) Read(p []byte) (int, error) {
	const begin, end = wire.HeaderLen + 4, wire.HeaderLen + 8 // of the actions
	n, err := c.Conn.Read(p)
	bits := binary.BigEndian.AppendUint32(nil, ^uint32(c.lacks))
	for i := range p[:n] {
		if c.seen >= begin && c.seen < end {
			p[i] &= bits[c.seen-begin]
		}
		c.seen++
	}
	return n, err
}

// TestLackingActionRefuses runs a filter behind servers that let mail pass if a filter fails
// (milter_default_action=accept, no F=), and that do not offer an action which the filter
// requires. Their clients get a temporary refusal, whether or not mail follows on the same
// connection. A filter that closed the connection instead would have its mail pass.
func TestLackingActionRefuses(t *testing.T) {
	t.Parallel()
	replies := map[string]map[string]string{
		"postfix":  {"closed": "451 4.3.0 mail filter failed, try again later", "with a reply": "450 4.7.1 later"},
		"sendmail": {"closed": "451 4.3.2 Please try again later", "with a reply": "451 4.3.2 Please try again later"},
	}
	tests := map[string]struct {
		opts []framework.LaneOption
		sent bool
	}{
		"closed":       {nil, false},
		"with a reply": {[]framework.LaneOption{framework.FailWith(framework.MustReply(450, "4.7.1", "later"))}, false},
		"open":         {[]framework.LaneOption{framework.FailOpen()}, true},
	}
	for name, start := range lenientServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			g := newGate(t, listener, name)
			mta := start(t, listener.Addr().(*net.TCPAddr).Port)

			g.Serve(func(conn net.Conn) { _ = conn.Close() })
			s := talk(t, mta, "gone", simple, false)
			assert.Len(t, s.sent, 3, "mail passes a filter that closes the connection: %q", s.told)

			for what, tt := range tests {
				r := framework.NewRouter()
				r.Mount(registers{"requires", func(r *framework.Router) func(*framework.Session) error {
					add := r.GrantAddHeader()
					return func(s *framework.Session) error { return add.Append(s, "X-Added", "yes") }
				}}, tt.opts...)
				srv, err := framework.NewServer(r, quiet())
				require.NoError(t, err)
				g.all = append(g.all, srv)
				g.Serve(func(conn net.Conn) { srv.ServeConn(&lessOffered{Conn: conn, lacks: wire.ActionAddHdrs}) })
				s := talk(t, mta, "lacking", simple, false)
				if tt.sent {
					assert.Empty(t, s.told, what)
					assert.Len(t, s.sent, 3, what)
					continue
				}
				reply := "MAIL: " + replies[name][what]
				assert.Equal(t, []string{reply, reply}, s.told, what)
				assert.Empty(t, s.sent, what)
			}
		})
	}
}

// lenientServers returns servers that let mail pass if a filter fails. The functions take the
// port of the filter.
func lenientServers() map[string]func(*testing.T, int) realmta.MTA {
	return map[string]func(*testing.T, int) realmta.MTA{
		"postfix": func(t *testing.T, port int) realmta.MTA {
			t.Helper()
			return realmta.StartPostfix(t, realmta.PostfixConfig{
				Milters: []string{fmt.Sprintf("inet:127.0.0.1:%d", port)},
				Main:    map[string]string{"milter_default_action": "accept"},
			})
		},
		"sendmail": func(t *testing.T, port int) realmta.MTA {
			t.Helper()
			return realmta.StartSendmail(t, realmta.SendmailConfig{
				Filters: []string{fmt.Sprintf("inet:%d@127.0.0.1, F=", port)},
			})
		},
	}
}
