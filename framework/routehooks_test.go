package framework_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// ledgerOfEnds records the calls at the end of each message.
type ledgerOfEnds struct{ ends []string }

func (l *ledgerOfEnds) add(s *framework.Session, e *framework.MessageResult) {
	var more []string
	for kind, n := range e.Modifications() {
		more = append(more, fmt.Sprint(kind, "=", n))
	}
	for name, v := range e.Verdicts() {
		more = append(more, fmt.Sprint(name, ":", v))
	}
	l.ends = append(l.ends, fmt.Sprintf("%d %v by %q at %v aborted=%t rcpts=%d size=%d queue=%s %s",
		e.Number, e.Verdict, e.Filter, e.Stage, e.Aborted, e.Recipients, e.Size, s.QueueID(), strings.Join(more, " ")))
}

// asking is middleware that only changes the route.
func asking(do func(rt *framework.Route)) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		do(rt)
		return next
	}
}

// afterEach is middleware that has fn called once after each message of a router.
func afterEach(fn func(*framework.Session, *framework.MessageResult)) framework.Middleware {
	once := framework.OncePerRouter(func(rt *framework.Route) bool { rt.AfterMessage(fn); return true })
	return asking(func(rt *framework.Route) { once(rt) })
}

func TestAfterMessage(t *testing.T) {
	t.Parallel()
	refuse := framework.MustReply(550, "5.7.1", "no")
	for name, c := range map[string]struct {
		verdict framework.Verdict
		err     error
		want    string
	}{
		"taken":     {framework.Continue, nil, `1 continue by "" at end of message aborted=false rcpts=1 size=4 queue=4Q addheader=1 adder:continue judge:continue`},
		"refused":   {refuse, nil, `1 reply 550 5.7.1 no by "judge" at end of message aborted=false rcpts=1 size=4 queue=4Q adder:continue judge:reply 550 5.7.1 no`},
		"discarded": {framework.Discard, nil, `1 discard by "judge" at end of message aborted=false rcpts=1 size=4 queue=4Q adder:continue judge:discard`},
		"failed":    {framework.Continue, errors.New("boom"), `1 reply 451 4.3.0 mail filter failed, try again later by "judge" at end of message aborted=false rcpts=1 size=4 queue=4Q adder:continue judge:reply 451 4.3.0 mail filter failed, try again later`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told ledgerOfEnds
			r := framework.NewRouter()
			r.Use(afterEach(told.add))
			r.Mount(miltertest.FilterFunc("adder", func(r *framework.Router) error {
				add := r.GrantAddHeader()
				r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
				r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, add.Append(s, "X-A", "b")
				})
				return nil
			}))
			r.Mount(miltertest.FilterFunc("judge", func(r *framework.Router) error {
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					return c.verdict, c.err
				})
				return nil
			}))
			miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n", miltertest.QueueID("4Q")))
			assert.Equal(t, []string{c.want}, told.ends)
		})
	}
}

func TestAfterMessageOfAbort(t *testing.T) {
	t.Parallel()
	var told ledgerOfEnds
	r := framework.NewRouter()
	r.Use(afterEach(told.add))
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	_, err = conn.Mail(t.Context(), "<b@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	require.NoError(t, conn.Close())
	srv.Close(t)
	assert.Equal(t, []string{
		`1 continue by "" at connect aborted=true rcpts=0 size=0 queue= main:continue`,
		`2 continue by "" at connect aborted=true rcpts=0 size=0 queue= main:continue`,
	}, told.ends)
}

// shownStages records, for each message, the stages that were shown.
type shownStages struct{ messages [][]framework.Stage }

func (x *shownStages) add(_ *framework.Session, e *framework.MessageResult) {
	var stages []framework.Stage
	for stage := framework.StageConnect; stage <= framework.StageUnknown; stage++ {
		if e.Shown(stage) {
			stages = append(stages, stage)
		}
	}
	x.messages = append(x.messages, stages)
}

// A count of nothing is told from one that nobody asked for, or that the message
// did not live to.
func TestMessageResultShown(t *testing.T) {
	t.Parallel()
	var told shownStages
	r := framework.NewRouter()
	r.Use(afterEach(told.add))
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if e.Recipient() == "bad@example.net" {
			return framework.Reject, nil
		}
		return framework.Continue, nil
	})
	r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
	r.OnEndOfMessage(goesOn)
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	conn.Run(t, miltertest.Message("From: a@example.org\n\n", miltertest.To("good@example.net"))).AssertAccepted(t)
	conn.Run(t, miltertest.Message("From: a@example.org\n\n", miltertest.To("bad@example.net")))
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	assert.Equal(t, [][]framework.Stage{
		{framework.StageRcpt, framework.StageBody, framework.StageEndOfMessage},
		{framework.StageRcpt},
	}, told.messages)
}

func TestAfterMessagePanics(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(afterEach(func(*framework.Session, *framework.MessageResult) { panic("boom") }))
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for range 2 {
		conn.Run(t, miltertest.Message("From: a@example.org\n\nhi\n")).AssertAccepted(t)
	}
	srv.Close(t)
	_, ok := srv.Logs().Find("end of message not told")
	assert.True(t, ok)
}

// The limit of a route ends its handler before the server's limit does.
func TestRouteLimit(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*framework.Route){
		"of a stage":   func(rt *framework.Route) { rt.Limit(2 * time.Second) },
		"of a message": func(rt *framework.Route) { rt.LimitMessage(2 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var took time.Duration
				r := framework.NewRouter()
				r.Use(asking(limit))
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					begin := time.Now()
					<-s.Context().Done()
					took = time.Since(begin)
					assert.ErrorIs(t, context.Cause(s.Context()), framework.ErrHandlerTimeout)
					return framework.Continue, s.Context().Err()
				})
				res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
				assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
				assert.GreaterOrEqual(t, took, 2*time.Second)
				assert.LessOrEqual(t, took, 3*time.Second)
			})
		})
	}
}

// The limit of a message starts when the message begins and covers all stages.
func TestLimitMessageCountsStages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Use(asking(func(rt *framework.Route) { rt.LimitMessage(3 * time.Second) }))
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
			time.Sleep(2 * time.Second)
			return framework.Continue, nil
		})
		r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
			begin := time.Now()
			<-s.Context().Done()
			assert.LessOrEqual(t, time.Since(begin), 2*time.Second)
			return framework.Continue, s.Context().Err()
		})
		res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
		assert.NotEmpty(t, res.Refused)
	})
}

// upper converts names and values to upper case, and reports every value as
// invalid.
type upper struct{ asked *int }

var errUpper = errors.New("shouting")

func (upper) Name(raw string) string { return strings.ToUpper(raw) }
func (u upper) Value(raw string) (string, error) {
	*u.asked++
	return strings.ToUpper(raw), errUpper
}

func TestHeaderView(t *testing.T) {
	t.Parallel()
	asked := 0
	shout := func(rt *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			h := ev.(*framework.Header)
			before := h.View()
			h.SetView(upper{&asked})
			defer h.SetView(before)
			return next(s, ev)
		}
	}
	r := framework.NewRouter()
	change := r.GrantChangeHeader()
	var inside, outside []string
	r.With(shout).ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is("subject") {
			inside = append(inside, h.Name(), h.Value(), h.Value(), h.RawName(), h.Raw())
			assert.ErrorIs(t, h.Problem(), errUpper)
			return change.Change(s, h.Handle(), "changed")
		}
		return nil
	})
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		if h.Is("subject") {
			outside = append(outside, h.Name(), h.Value())
			assert.NoError(t, h.Problem())
		}
		return nil
	})
	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\nSubject: hi\n\nhi\n"))
	assert.Equal(t, []string{"SUBJECT", "HI", "HI", "Subject", "hi"}, inside)
	assert.Equal(t, []string{"Subject", "hi"}, outside)
	assert.Equal(t, 1, asked, "once for an event, and only when somebody asks")
	assert.Equal(t, "changed", res.Header("Subject"), "the handle is of the field itself")
}

func TestRouteDryRun(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.With(asking((*framework.Route).DryRun)).OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Reject, add.Append(s, "X-Trial", "yes")
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Real", "yes")
	})
	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
	res.AssertAccepted(t)
	assert.Empty(t, res.HeaderValues("X-Trial"))
	assert.Equal(t, "yes", res.Header("X-Real"))
	_, ok := res.Logs.Find("dry run: verdict")
	assert.True(t, ok)
	_, ok = res.Logs.Find("dry run: modification")
	assert.True(t, ok)
}

func TestStats(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		return framework.Continue, errors.New("boom")
	})
	srv, err := framework.NewServer(r, framework.Config{})
	require.NoError(t, err)
	assert.Zero(t, srv.Stats())
	mtaEnd, filterEnd := miltertest.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.ServeConn(filterEnd)
	}()
	_, err = mtaEnd.Write([]byte("\x00\x00\x00\x02Mx")) // sent before the negotiation
	require.NoError(t, err)
	<-done
	got := srv.Stats()
	assert.Equal(t, framework.Stats{ConnectionsTotal: 1, ProtocolErrors: 1}, got)
}
