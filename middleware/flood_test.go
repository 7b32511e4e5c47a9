package middleware_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// A client that repeats what a middleware logs causes a few lines, and one with the number
// of the others.
func TestFloods(t *testing.T) {
	t.Parallel()
	const flood = 300
	letters := func(n, rcpts int) func(t *testing.T, conn *miltertest.Conn) {
		return func(t *testing.T, conn *miltertest.Conn) {
			t.Helper()
			for range n {
				to := make([]string, rcpts)
				for i := range to {
					to[i] = "bob@example.net"
				}
				conn.Run(t, miltertest.Message(letter, miltertest.To(to...)))
			}
		}
	}
	aborts := func(n int) func(t *testing.T, conn *miltertest.Conn) {
		return func(t *testing.T, conn *miltertest.Conn) {
			t.Helper()
			for range n {
				_, err := conn.Mail(t.Context(), "<ann@example.org>")
				require.NoError(t, err)
				require.NoError(t, conn.Abort())
			}
		}
	}
	limited := func(store middleware.RateStore) framework.Middleware {
		return middleware.RateLimit(middleware.RateLimitConfig{
			Rate: middleware.Rate{Events: 1, Per: 24 * time.Hour}, By: middleware.ByRecipientDomain(), Store: store, FailOpen: true,
		})
	}
	tests := map[string]struct {
		use        framework.Middleware
		register   func(r *framework.Router)
		run        func(t *testing.T, conn *miltertest.Conn)
		line       string
		lines      int
		suppressed string
	}{
		"Recover": {
			use: middleware.Recover(),
			register: func(r *framework.Router) {
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) { panic("always") })
			},
			run:  letters(flood, 1),
			line: "handler panicked", lines: 10, suppressed: "suppressed=290",
		},
		"RateLimit, recipients of one message": {
			use:      limited(nil),
			register: func(r *framework.Router) { r.OnRcpt(goesOn) },
			run:      letters(1, flood),
			line:     "rate limit exceeded", lines: 1,
		},
		"RateLimit without its store": {
			use:      limited(&ledger{err: errors.New("away")}),
			register: func(r *framework.Router) { r.OnRcpt(goesOn) },
			run:      letters(flood, 3),
			line:     "rate store failed; message not limited", lines: 10, suppressed: "suppressed=290",
		},
		"Logger, messages that are aborted": {
			use:      middleware.Logger(middleware.LoggerConfig{}),
			register: func(r *framework.Router) { r.OnMail(goesOn) },
			run:      aborts(700),
			line:     "message", lines: 600, suppressed: "suppressed=100",
		},
		"Logger, messages that are accepted": {
			use:      middleware.Logger(middleware.LoggerConfig{}),
			register: func(r *framework.Router) { r.OnMail(says[*framework.Mail](framework.Accept)) },
			run:      aborts(700),
			line:     "message", lines: 700,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // the lines of a window are counted, which is a minute
				r := framework.NewRouter()
				r.Use(c.use)
				c.register(r)
				srv := miltertest.NewRouterServer(t, r)
				conn := srv.Dial(t)
				c.run(t, conn)
				require.NoError(t, conn.Quit(t.Context()))
				srv.Close(t)
				lines, more := 0, ""
				for _, line := range srv.Logs() {
					if line.Message == c.line && line.Level >= slog.LevelInfo {
						lines++
					}
					if of, ok := miltertest.LogAttr(line, "line"); ok && of.String() == c.line {
						more += miltertest.Logs{line}.String()
					}
				}
				assert.Equal(t, c.lines, lines)
				if c.suppressed == "" {
					assert.Empty(t, more)
					return
				}
				assert.Equal(t, 1, strings.Count(more, "\n"), more)
				assert.Contains(t, more, c.suppressed)
			})
		})
	}
}
