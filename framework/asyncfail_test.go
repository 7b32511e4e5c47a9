package framework_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// What the function returns, and what becomes of it if it does not return, is what Wait
// returns, and the policy of the filter decides about the message.
func TestAsyncFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		fn   func(context.Context) (int, error)
		is   error
		log  string
	}{
		{"an error", func(context.Context) (int, error) { return 0, errLookup }, errLookup, ""},
		{"a permanent error", func(context.Context) (int, error) { return 0, framework.Permanent(errLookup) }, errLookup, ""},
		{"a panic", func(context.Context) (int, error) { panic(errLookup) }, errLookup, "async function panicked"},
		{"the end of its goroutine", func(context.Context) (int, error) { runtime.Goexit(); return 1, nil }, nil, ""},
		{"no function", nil, nil, "async function panicked"},
		{"too slow for the handler", takes(time.Minute, 1), framework.ErrHandlerTimeout, ""},
		{"does not heed its context", stays(time.Minute, 1), framework.ErrHandlerTimeout, ""},
	}
	for _, tt := range tests {
		for _, open := range []bool{false, true} {
			name, opts := tt.name, []miltertest.Option{miltertest.AllowGoroutines()}
			if open {
				name, opts = name+", fail open", append(opts, miltertest.Lane(framework.FailOpen()))
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var got error
					filter := asyncFilter("f", tt.fn, func(_ int, err error) error { got = err; return err })
					res := miltertest.Run(t, filter, miltertest.Message("A: b\n\nc\n"), opts...)
					require.Error(t, got)
					if tt.is != nil {
						assert.ErrorIs(t, got, tt.is)
					}
					if tt.log != "" {
						assert.ErrorAs(t, got, new(*framework.PanicError))
						line, ok := res.Logs.Find(tt.log)
						require.True(t, ok)
						for _, key := range []string{"filter", "where", "peer", "message", "error", "stack"} {
							_, ok := miltertest.LogAttr(line, key)
							assert.True(t, ok, key)
						}
						failed, _ := res.Logs.Find("handler failed")
						_, again := miltertest.LogAttr(failed, "stack")
						assert.False(t, again, "the stack is logged once")
					}
					switch {
					case open:
						res.AssertAccepted(t)
					case tt.name == "a permanent error":
						res.AssertRejected(t)
					default:
						res.AssertTempFailed(t)
					}
					time.Sleep(time.Minute) // for the functions that hang
				})
			})
		}
	}
}

// A function has the time of a handler at the end of the message, from its start on. After
// that, the handler does not wait for it.
func TestAsyncDeadline(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func(context.Context) (int, error){
		"heeds its context": takes(time.Hour, 1), "hangs": stays(time.Hour, 1),
		"returns a value late": stays(15*time.Second, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got []error
				r := framework.NewRouter(framework.FailOpen())
				value := framework.Async[int](r)
				r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return value.Start(s, fn) })
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					assert.True(t, value.Ready(s))
					for range 2 {
						n, err := value.Wait(s)
						got = append(got, err)
						assert.Zero(t, n)
					}
					return framework.Continue, nil
				})
				conn := miltertest.NewRouterServer(t, r, miltertest.AllowGoroutines()).Dial(t)
				_, err := conn.Mail(t.Context(), "<a@example.org>")
				require.NoError(t, err)
				require.NoError(t, conn.Flush(t.Context()))
				time.Sleep(20 * time.Second) // Config.MessageTimeout is 10s
				began := time.Now()
				_, _, err = conn.EndOfMessage(t.Context(), nil)
				require.NoError(t, err)
				assert.Zero(t, time.Since(began))
				require.Len(t, got, 2)
				for _, err := range got {
					assert.ErrorIs(t, err, framework.ErrHandlerTimeout)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}
