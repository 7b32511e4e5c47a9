package framework_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// counts is middleware that counts its calls in the message and in the session,
// and records the counts at the end of each message.
func counts(out *[]string, name string) framework.Middleware {
	message, session := framework.OncePerFilter(framework.PerMessage[int]), framework.OncePerFilter(framework.PerConnection[int])
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		m, c := message(rt), session(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			*m.Get(s)++
			*c.Get(s)++
			if ev.Stage() == framework.StageEndOfMessage {
				*out = append(*out, name+" "+rt.Filter()+" "+string(rune('0'+*m.Get(s)))+string(rune('0'+*c.Get(s))))
			}
			return next(s, ev)
		}
	}
}

// The routes of a lane share the slot of one middleware. Other lanes, other
// middleware and other routers have separate slots.
func TestRouteSlots(t *testing.T) {
	t.Parallel()
	var got []string
	twice := counts(&got, "twice")
	register := func(r *framework.Router) error {
		r.ObserveMail(watches)
		r.ObserveRcpt(watches)
		r.OnEndOfMessage(goesOn)
		return nil
	}
	for range 2 {
		got = nil
		r := framework.NewRouter()
		r.Use(twice, counts(&got, "other"))
		own := framework.PerMessage[string](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			assert.Empty(t, *own.Get(s))
			*own.Get(s) = "mine"
			return nil
		})
		r.Mount(miltertest.FilterFunc("a", register))
		r.Mount(miltertest.FilterFunc("b", register))
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
		assert.Equal(t, []string{"twice a 33", "other a 33", "twice b 33", "other b 33"}, got)
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
		assert.Equal(t, []string{"twice a 36", "other a 36", "twice b 36", "other b 36"}, got[4:])
		require.NoError(t, conn.QuitNC())
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
		assert.Equal(t, []string{"twice a 33", "other a 33", "twice b 33", "other b 33"}, got[8:])
		srv.Close(t)
	}
}

// A shared slot is the same in all lanes of a router, and separate for other
// routers.
func TestSharedRouteSlots(t *testing.T) {
	t.Parallel()
	message, session := framework.OncePerRouter(framework.PerMessage[int]), framework.OncePerRouter(framework.PerConnection[int])
	var got []int
	add := func(rt *framework.Route, next framework.Handler) framework.Handler {
		m, c := message(rt), session(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			*m.Get(s)++
			*c.Get(s)++
			got = append(got, *m.Get(s), *c.Get(s))
			return next(s, ev)
		}
	}
	for range 2 {
		got = nil
		r := framework.NewRouter()
		r.Use(add)
		for _, name := range []string{"a", "b"} {
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error { r.ObserveMail(watches); return nil }))
		}
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
		assert.Equal(t, []int{1, 1, 2, 2, 1, 3, 2, 4}, got)
		srv.Close(t)
	}
}

// A route's slot cannot be created after the plan.
func TestRouteSlotIsLate(t *testing.T) {
	t.Parallel()
	var kept *framework.Route
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		kept = rt
		return next
	})
	r.ObserveMail(watches)
	_, err := r.Plan()
	require.NoError(t, err)
	assert.Panics(t, func() { framework.PerMessage[int](kept) })
}

// A mistake of a middleware names the Use that brought it, once.
func TestRouteErrorf(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	where := lineBelow(here())
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.Errorf("%w here", errors.ErrUnsupported)
		return next
	})
	r.ObserveMail(watches)
	r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error { r.OnRcpt(goesOn); return nil }))
	_, err := r.Plan()
	assert.EqualError(t, err, "framework: "+where+`: filter "main": framework.TestRouteErrorf: unsupported operation here`, "once for both handlers")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}
