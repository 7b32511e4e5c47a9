package framework_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// Shutdown waits for functions whose sessions are over, but not for one that hangs. After
// Close, nothing is started.
func TestAsyncShutdown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late time.Duration // after its context has ended
		took time.Duration
		runs int
	}{
		"returns soon": {200 * time.Millisecond, 200 * time.Millisecond, 0},
		"hangs":        {time.Minute, time.Second, 1}, // Config.HangGrace
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				value := framework.Async[int](r)
				r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
					return value.Start(s, func(ctx context.Context) (int, error) {
						<-ctx.Done()
						time.Sleep(c.late)
						return 0, nil
					})
				})
				var logs bytes.Buffer
				srv := newServer(t, r, framework.Config{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
				conn := serveOne(t, srv)
				_, err := conn.Mail(t.Context(), "<a@example.org>")
				require.NoError(t, err)
				require.NoError(t, conn.Flush(t.Context()))
				synctest.Wait()
				require.NoError(t, conn.Close())
				synctest.Wait()
				assert.EqualValues(t, 1, srv.Stats().AsyncRunning)
				began := time.Now()
				require.NoError(t, srv.Shutdown(t.Context()))
				assert.Equal(t, c.took, time.Since(began))
				assert.EqualValues(t, c.runs, srv.Stats().AsyncRunning)
				assert.Equal(t, c.runs, strings.Count(logs.String(), "async functions still run after their sessions"))
				time.Sleep(time.Minute + time.Second)
				assert.Zero(t, srv.Stats().AsyncRunning)
			})
		})
	}
}

// Close ends the contexts of functions without waiting, and nothing starts after it.
func TestAsyncClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waited, started error
		r := framework.NewRouter()
		value := framework.Async[int](r)
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			require.NoError(t, value.Start(s, takes(time.Hour, 1)))
			_, waited = value.Wait(s)
			started = value.Start(s, takes(time.Hour, 1))
			return framework.Continue, nil
		})
		srv := newServer(t, r, quiet())
		conn := serveOne(t, srv)
		conn.Frame('M', []byte("<a@example.org>\x00"))
		require.NoError(t, conn.Flush(t.Context()))
		synctest.Wait()
		require.NoError(t, srv.Close())
		synctest.Wait()
		assert.ErrorIs(t, waited, framework.ErrServerClosed)
		assert.ErrorIs(t, started, framework.ErrServerClosed)
		assert.Zero(t, srv.Stats().AsyncRunning)
	})
}
