package framework_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// readsOn takes readers before the end of the message and reads them in other goroutines,
// two for each, as long as they give anything. errs gets what ended each goroutine.
func readsOn(errs chan<- error) func(*framework.Router) error {
	return func(r *framework.Router) error {
		message, body := r.WantMessage(), r.WantBody()
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			for _, reader := range []io.Reader{message.Reader(s), body.Reader(s)} {
				for range 2 {
					go func() {
						_, err := reader.Read(make([]byte, 1))
						for err == nil {
							time.Sleep(time.Second)
							_, err = reader.Read(make([]byte, 1))
						}
						errs <- err
					}()
				}
			}
			return nil
		})
		return nil
	}
}

// However a message ends while other goroutines read it, they learn of that, and nothing stays
// taken. Until then they read on, also while a handler hangs that the server has given up.
func TestReadersTakenBeforeTheEndOfAnyMessage(t *testing.T) {
	t.Parallel()
	const hangs = 10 * time.Minute // the server gives up such a handler before
	before := func(fn func()) func(*framework.Router) error {
		return func(r *framework.Router) error {
			r.BeforeEndOfMessage(func(*framework.Session) error { fn(); return nil })
			return nil
		}
	}
	at := func(fn func(*framework.Session), v framework.Verdict) func(*framework.Router) error {
		return func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				fn(s)
				return v, nil
			})
			return nil
		}
	}
	nothing, panics := func(*framework.Session) {}, func() { panic("a mistake") }
	waits := at(func(s *framework.Session) { <-s.Context().Done() }, framework.Continue)
	for name, c := range map[string]struct {
		last    func(*framework.Router) error
		atLeast time.Duration // the goroutines read on
		closes  func(srv *framework.Server, conn io.Closer) error
	}{
		"nothing":                     {at(nothing, framework.Continue), 0, nil},
		"a refusal":                   {at(nothing, framework.Reject), 0, nil},
		"a discard":                   {at(nothing, framework.Discard), 0, nil},
		"a panic":                     {at(func(*framework.Session) { panics() }, framework.Continue), 0, nil},
		"Goexit":                      {at(func(*framework.Session) { runtime.Goexit() }, framework.Continue), 0, nil},
		"a panic before the end":      {before(panics), 0, nil},
		"Goexit before the end":       {before(runtime.Goexit), 0, nil},
		"a handler that hangs":        {at(func(*framework.Session) { time.Sleep(hangs) }, framework.Reject), hangs, nil},
		"one that hangs before":       {before(func() { time.Sleep(hangs) }), hangs, nil},
		"the end of the connection":   {waits, time.Minute, func(_ *framework.Server, conn io.Closer) error { return conn.Close() }},
		"the end of the server":       {waits, time.Minute, func(srv *framework.Server, _ io.Closer) error { return srv.Close() }},
		"a new body that is not read": {replacesBy(iotest.ErrReader(errBroken)), 0, nil},
	} {
		for _, memory := range []int64{0, 1} { // in memory, and in a file
			t.Run(fmt.Sprint(name, memory), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					errs := make(chan error, 4)
					cfg := quiet()
					cfg.SpoolMemory, cfg.SpoolDir = memory, t.TempDir()
					srv := newServer(t, chain(readsOn(errs), rewrites("stream", func() {}, func() {}), c.last), cfg)
					mtaEnd, filterEnd := miltertest.Pipe()
					go srv.ServeConn(filterEnd)
					began := time.Now()
					go func() {
						conn := mta.NewConn(mtaEnd, mta.Config{})
						assert.NoError(t, conn.Negotiate(t.Context()))
						_, _ = conn.Send(t.Context(), miltertest.Message("Subject: hello\nX-1: 1\nX-2: 2\n\n"+strings.Repeat("How are you?\n", 10_000)))
					}()
					if c.closes != nil {
						time.Sleep(c.atLeast)
						require.NoError(t, c.closes(srv, mtaEnd))
					}
					for range cap(errs) {
						require.ErrorIs(t, <-errs, framework.ErrMessageOver)
					}
					assert.GreaterOrEqual(t, time.Since(began), c.atLeast)
					assert.Less(t, time.Since(began), c.atLeast+10*time.Second, "the server soon notices the end")
					require.NoError(t, srv.Close())
					synctest.Wait()
					stats := srv.Stats()
					assert.Zero(t, stats.KeptMemory)
					assert.Zero(t, stats.KeptDisk)
					assert.Zero(t, stats.MessagesOpen)
				})
			})
		}
	}
}

// replacesBy registers a filter that replaces the body by what a reader returns.
func replacesBy(body io.Reader) func(*framework.Router) error {
	return func(r *framework.Router) error {
		replace := r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, replace.ReplaceFrom(s, body)
		})
		return nil
	}
}
