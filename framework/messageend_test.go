package framework_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestAfterMessageWithoutAFunction(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(asking(func(rt *framework.Route) { rt.AfterMessage(nil) }))
	r.OnMail(goesOn)
	_, err := r.Plan()
	assert.ErrorContains(t, err, "AfterMessage without a function")
}

// A function that a middleware passes for each of two handlers is called twice.
func TestAfterMessageTwice(t *testing.T) {
	t.Parallel()
	var calls int
	r := framework.NewRouter()
	r.Use(asking(func(rt *framework.Route) {
		rt.AfterMessage(func(*framework.Session, *framework.MessageResult) { calls++ })
	}))
	r.OnMail(goesOn)
	r.OnRcpt(goesOn)
	srv := miltertest.NewRouterServer(t, r)
	srv.Dial(t).Run(t, miltertest.Message(hello)).AssertAccepted(t)
	srv.Close(t)
	assert.Equal(t, 2, calls)
}

// If the framework replied on behalf of a handler, the message ends when the
// handler returns, with the verdict that was sent.
func TestMessageEndAfterAHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told ledgerOfEnds
		r := framework.NewRouter()
		r.Use(afterEach(told.add))
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return nil })
		r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
			time.Sleep(time.Hour)
			return framework.Continue, nil
		})
		srv := miltertest.NewRouterServer(t, r)
		res := srv.Dial(t).Run(t, miltertest.Message(hello))
		assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
		time.Sleep(2 * time.Hour)
		srv.Close(t)
		assert.Equal(t, []string{`1 reply 451 4.3.0 mail filter failed, try again later by "main" at data aborted=false rcpts=0 size=0 queue=4ZsluiceZ1 main:continue`}, told.ends)
	})
}

// If a filter failed before a message began, its failure is part of each
// message that is refused because of it, and of no message of another session.
func TestMessageEndAfterAnEarlierFailure(t *testing.T) {
	t.Parallel()
	var told ledgerOfEnds
	r := framework.NewRouter()
	r.Use(afterEach(told.add))
	r.Mount(miltertest.FilterFunc("judge", func(r *framework.Router) error {
		r.ObserveHelo(func(_ *framework.Session, e *framework.Helo) error {
			if e.Name() == "bad.example" {
				return assert.AnError
			}
			return nil
		})
		r.OnMail(goesOn)
		return nil
	}))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for _, helo := range []string{"bad.example", "good.example"} {
		_, err := conn.Helo(t.Context(), helo)
		require.NoError(t, err)
		for range 2 {
			_, err = conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			require.NoError(t, conn.Abort())
		}
		require.NoError(t, conn.QuitNC())
	}
	srv.Close(t)
	require.Len(t, told.ends, 4)
	for i, by := range []string{`by "judge" at mail aborted=false`, `by "judge" at mail aborted=false`, `by "" at connect aborted=true`, `by "" at connect aborted=true`} {
		assert.Contains(t, told.ends[i], by)
	}
}
