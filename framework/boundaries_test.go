package framework_test

import (
	"runtime"
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

// A failure of a dry-run handler has no effect, whatever the failure is.
func TestTrialFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(s *framework.Session){
		"panics": func(*framework.Session) { panic("boom") },
		"hangs":  func(*framework.Session) { time.Sleep(20 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				add := r.GrantAddHeader()
				r.With(asking((*framework.Route).DryRun)).OnEndOfMessage(
					func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						err := add.Append(s, "X-Trial", "yes")
						fail(s)
						return framework.Reject, err
					})
				conn := miltertest.NewRouterServer(t, r).Dial(t)
				res := conn.Run(t, letter())
				res.AssertAccepted(t)
				assert.Empty(t, res.HeaderValues("X-Trial"))
				time.Sleep(time.Hour)
			})
		})
	}
}

// A grant belongs to the lane that requested it. Lanes behind that one see its
// modifications.
func TestGrantOfAnotherLane(t *testing.T) {
	t.Parallel()
	var add framework.HeaderAdder
	var got error
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("user", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			got = add.Append(s, "X-Added", "1")
			return framework.Continue, nil
		})
		return nil
	}))
	r.Mount(miltertest.FilterFunc("owner", func(r *framework.Router) error {
		add = r.GrantAddHeader()
		return nil
	}))
	miltertest.RunRouter(t, r, letter()).AssertUnmodified(t)
	assert.ErrorIs(t, got, framework.ErrNoGrant)
}

// A lane may use a header handle that another lane received.
func TestHandleOfAnotherLane(t *testing.T) {
	t.Parallel()
	var subject framework.HeaderHandle
	r := framework.NewRouter()
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		if h.Is("Subject") {
			subject = h.Handle()
		}
		return nil
	})
	r.Mount(miltertest.FilterFunc("changer", func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, change.Change(s, subject, "changed")
		})
		return nil
	}))
	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\nSubject: hi\n\nhi\n"))
	res.AssertAccepted(t)
	assert.Equal(t, "changed", res.Header("Subject"))
}

// A fail-open lane that fails at an unknown command continues, and keeps its
// edits.
func TestFailOpenAtUnknownKeepsEdits(t *testing.T) {
	t.Parallel()
	filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return add.Append(s, "X-Early", "1") })
		r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
			return framework.Continue, assert.AnError
		})
		return nil
	})
	conn := miltertest.NewServer(t, filter, miltertest.Lane(framework.FailOpen())).Dial(t)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	_, err = conn.Unknown(t.Context(), "FOO")
	require.NoError(t, err)
	_, edits, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, edits, 1)
}

// The filters see the end of the headers once in a message, even if an MTA repeats
// it. DATA may be repeated: see TestDataAgain.
func TestOnceInAMessage(t *testing.T) {
	t.Parallel()
	ends := 0
	r := framework.NewRouter()
	r.OnMail(goesOn)
	r.OnEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) (framework.Verdict, error) {
		ends++
		return framework.Continue, nil
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	for range 2 {
		conn.Frame(byte(wire.CmdEOH), nil)
		reply, err := conn.ReadReply(t.Context())
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, reply.ReplyCode())
	}
	assert.Equal(t, 1, ends)
}

func TestNilGrantOption(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.GrantAddHeader(nil)
	_, err := r.Plan()
	assert.ErrorContains(t, err, "GrantAddHeader with a nil option")
}

// A handler that ends its goroutine ends its session. The statistics stay
// correct.
func TestGoexitCounts(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		runtime.Goexit()
		return framework.Continue, nil
	})
	srv, err := framework.NewServer(r, quiet())
	require.NoError(t, err)
	mtaEnd, filterEnd := miltertest.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.ServeConn(filterEnd)
	}()
	_, err = mta.NewConn(mtaEnd, mta.Config{}).Send(t.Context(), letter())
	require.Error(t, err)
	<-done
	assert.Zero(t, srv.Stats().MessagesOpen)
	assert.Zero(t, srv.Stats().Connections)
}
