package framework_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

type contextKey struct{}

// A message has the values of its session, which its own values override. The
// session and the next message do not have the values of the message.
func TestContextValues(t *testing.T) {
	t.Parallel()
	var early, derived context.Context
	r := framework.NewRouter()
	r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error {
		s.SetContextValue(contextKey{}, "session")
		return nil
	})
	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
		assert.Equal(t, "session", s.ContextValue(contextKey{}))
		early = s.Context()
		var stop context.CancelFunc
		derived, stop = context.WithCancel(early)
		defer stop()
		assert.Equal(t, "session", early.Value(contextKey{}))
		s.SetContextValue(contextKey{}, m.Sender())
		assert.Equal(t, m.Sender(), s.ContextValue(contextKey{}))
		assert.Equal(t, m.Sender(), s.Context().Value(contextKey{}))
		assert.Equal(t, m.Sender(), early.Value(contextKey{}), "the context that was made before has it too")
		assert.Equal(t, m.Sender(), derived.Value(contextKey{}))
		assert.Nil(t, s.ContextValue("another key"))
		return nil
	})
	r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
		assert.Equal(t, "session", s.Context().Value(contextKey{}))
		return nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for _, sender := range []string{"a@example.org", "b@example.org"} {
		conn.Run(t, miltertest.Message(hello, miltertest.From(sender))).AssertAccepted(t)
		assert.ErrorIs(t, context.Cause(early), framework.ErrMessageOver)
		assert.Equal(t, sender, early.Value(contextKey{}), "what is over keeps its own")
	}
	srv.Close(t)
}

func TestContextKeys(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]any{"nil": nil, "a slice": []int{1}} {
		r := framework.NewRouter()
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			assert.Panics(t, func() { s.SetContextValue(key, 1) }, name)
			return framework.Accept, nil
		})
		miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	}
}

// puts is middleware that puts a value into the context of what it wraps.
func puts(key, value string) framework.Middleware {
	return func(_ *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			return s.CallWithContext(context.WithValue(s.Context(), named(key), value), next, ev)
		}
	}
}

type named string

// Handlers, and middleware further in, have what middleware put into the context,
// and what is set while they run; others have not.
func TestCallWithContext(t *testing.T) {
	t.Parallel()
	var seen []string
	look := func(where string, s *framework.Session) {
		value := func(key string) any { return s.Context().Value(named(key)) }
		seen = append(seen, fmt.Sprint(where, " ", value("a"), " ", value("b"), " ", value("set")))
	}
	looks := func(where string) framework.Middleware {
		return func(_ *framework.Route, next framework.Handler) framework.Handler {
			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
				v, err := next(s, ev)
				look(where, s)
				return v, err
			}
		}
	}
	r := framework.NewRouter()
	wrapped := r.With(looks("outside"), puts("a", "1"), looks("between"), puts("b", "2"))
	wrapped.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
		s.SetContextValue(named("set"), "3")
		assert.Equal(t, "2", s.ContextValue(named("b")))
		look("inside", s)
		return nil
	})
	r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { look("beside", s); return nil })
	wrapped.ObserveRcpt(func(s *framework.Session, _ *framework.Rcpt) error { panic("boom") })
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		look("after", s)
		return framework.Continue, nil
	})
	r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error { look("abort", s); return nil })
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, miltertest.Message(hello))
	want := []string{"inside 1 2 3", "between 1 <nil> 3", "outside <nil> <nil> 3", "beside <nil> <nil> 3"}
	assert.Equal(t, want, seen[:4])
	for _, line := range seen[4:] {
		assert.Contains(t, line, " <nil> <nil> 3", "nothing is left, not even by a panic")
	}
}

// A context that middleware put there ends with the handler's deadline, and the
// next handler has one that lives.
func TestCallWithContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Use(puts("a", "1"))
		for _, late := range []bool{true, false} {
			r.Mount(miltertest.FilterFunc(fmt.Sprint("late ", late), func(r *framework.Router) error {
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					assert.Equal(t, "1", s.Context().Value(named("a")))
					require.NoError(t, s.Context().Err())
					if late {
						<-s.Context().Done()
						assert.ErrorIs(t, context.Cause(s.Context()), framework.ErrHandlerTimeout)
					}
					return framework.Continue, nil
				})
				return nil
			}))
		}
		miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	})
}

// The context of a handler that exceeded its deadline is canceled. The values
// that were set for the message remain.
func TestContextValueOutlivesDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("late", func(r *framework.Router) error {
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				s.SetContextValue(contextKey{}, "kept")
				<-s.Context().Done()
				return framework.Continue, nil
			})
			return nil
		}))
		r.Mount(miltertest.FilterFunc("next", func(r *framework.Router) error {
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				assert.NoError(t, s.Context().Err())
				assert.Equal(t, "kept", s.Context().Value(contextKey{}))
				return framework.Continue, nil
			})
			return nil
		}))
		miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	})
}

// The context of a message is canceled when the message ends. The session's
// context is not.
func TestContextOfAMessageIsItsOwn(t *testing.T) {
	t.Parallel()
	var kept []context.Context
	r := framework.NewRouter()
	keep := func(s *framework.Session) { kept = append(kept, s.Context()) }
	r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error { keep(s); return nil })
	r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { keep(s); return nil })
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
	require.Len(t, kept, 2)
	assert.NoError(t, kept[0].Err(), "the session goes on")
	assert.ErrorIs(t, kept[1].Err(), context.Canceled)
}
