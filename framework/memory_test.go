package framework_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// reserving is a filter that reserves n bytes at the first event of a stage, and records
// the error.
func reserving(stage int, n int, errs *[]error) framework.Filter {
	return miltertest.FilterFunc("keeps", func(r *framework.Router) error {
		memory := r.WantMemory()
		stageTwins()[stage].observe(r, func(s *framework.Session) (framework.Verdict, error) {
			if len(*errs) > 0 {
				return framework.Continue, nil
			}
			err := memory.Reserve(s, n)
			*errs = append(*errs, err)
			return framework.Continue, err
		})
		stageTwins()[3].on(r, goOn)
		r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
		return nil
	})
}

const shortReply = "452 4.3.1 the mail filter is short of storage, try again later"

// If a filter cannot reserve memory, the message is refused for now, at the stage itself
// or at the next one that answers. At Rcpt that is the recipient, and at Connect and Helo
// the session. A filter that the message can do without is left out.
func TestReserve(t *testing.T) {
	t.Parallel()
	policies := map[string]framework.LaneOption{
		"fails closed":                  framework.FailClosed(),
		"fails with another verdict":    framework.FailWith(framework.Reject),
		"fails open":                    framework.FailOpen(),
		"dry run":                       framework.DryRun(),
		"fails closed, there is enough": framework.FailClosed(),
	}
	for i, twin := range stageTwins() {
		for name, policy := range policies {
			t.Run(twin.stage.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				budget := int64(1000)
				enough := name == "fails closed, there is enough"
				if enough {
					budget++
				}
				var errs []error
				srv := miltertest.NewServer(t, reserving(i, 1001, &errs), miltertest.Lane(policy),
					miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = budget }))
				conn := srv.Dial(t)
				out, err := conn.Send(t.Context(), letter())
				require.NoError(t, err)
				require.NotEmpty(t, errs)
				_, lines := refusedAt(out)
				if enough || name == "fails open" || name == "dry run" {
					assert.Empty(t, lines)
				} else {
					assert.Equal(t, []string{shortReply}, lines, "whatever the policy for failures is")
				}
				if !enough {
					require.ErrorIs(t, errs[0], framework.ErrNoMemory)
					require.Len(t, logged(srv, slog.LevelWarn), 1)
					assert.Equal(t, "filter's memory not kept", logged(srv, slog.LevelWarn)[0].Message)
				}
				assert.Empty(t, logged(srv, slog.LevelError))
				require.NoError(t, conn.Quit(t.Context()))
				srv.Close(t)
			})
		}
	}
}

// What a filter reserves of a message is released when the message ends, and what it
// reserves before the first message when the session ends, however they end.
func TestReservedUntil(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stage  int
		during int64 // counted when the message is over
		end    func(t *testing.T, conn *mta.Conn)
	}{
		"message, delivered": {2, 0, func(t *testing.T, conn *mta.Conn) {
			t.Helper()
			_, _, err := conn.EndOfMessage(t.Context(), nil)
			require.NoError(t, err)
		}},
		"message, given up": {2, 0, func(t *testing.T, conn *mta.Conn) {
			t.Helper()
			require.NoError(t, conn.Abort())
		}},
		"session": {0, 5000, func(t *testing.T, conn *mta.Conn) {
			t.Helper()
			require.NoError(t, conn.Abort())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var errs []error
			r := framework.NewRouter()
			r.Mount(reserving(c.stage, 5000, &errs))
			k := newServer(t, r, quiet())
			conn := serveOne(t, k)
			_, err := conn.Connect(t.Context(), &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyUnknown})
			require.NoError(t, err)
			_, err = conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			_, err = conn.Rcpt(t.Context(), "<b@example.org>") // which is answered
			require.NoError(t, err)
			assert.GreaterOrEqual(t, k.Stats().KeptMemory, int64(5000))
			c.end(t, conn)
			require.NoError(t, conn.Flush(t.Context()))
			if c.during == 0 {
				assert.Eventually(t, func() bool { return k.Stats().KeptMemory == 0 }, time.Minute, time.Millisecond)
			} else {
				assert.GreaterOrEqual(t, k.Stats().KeptMemory, c.during)
			}
			require.NoError(t, conn.Quit(t.Context()))
			assert.Eventually(t, func() bool { return k.Stats().KeptMemory == 0 }, time.Minute, time.Millisecond)
			assert.Equal(t, []error{nil}, errs)
		})
	}
}

// Edits are counted too: a filter whose edits do not fit into the budget gets an error,
// and the message is refused for now.
func TestEditsAreCounted(t *testing.T) {
	t.Parallel()
	var failed error
	filter := miltertest.FilterFunc("edits", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for range 100 {
				if failed = add.Append(s, "X-A", "value"); failed != nil {
					return framework.Continue, failed
				}
			}
			return framework.Continue, nil
		})
		return nil
	})
	res := miltertest.Run(t, filter, letter(), miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = 20 << 10 }))
	require.ErrorIs(t, failed, framework.ErrNoMemory)
	assert.Equal(t, shortReply, res.Reply())
	assert.Empty(t, res.Modifications)
}

// A handle that this router did not make is a mistake, and does not go unnoticed.
func TestReserveWithAStrangersHandle(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]framework.Memory{
		"zero":                {},
		"of another router's": framework.NewRouter().WantMemory(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			stageTwins()[2].on(r, func(s *framework.Session) (framework.Verdict, error) {
				return framework.Continue, memory.Reserve(s, 1)
			})
			res := miltertest.RunRouter(t, r, letter())
			assert.Equal(t, policyReply, res.Reply())
		})
	}
}
