package framework_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const hello = "From: a@example.org\nSubject: hello\n\nHow are you?\n"

// diary records events in order. The sessions of these tests do not run in
// parallel.
type diary struct{ lines []string }

func (d *diary) add(line string) { d.lines = append(d.lines, line) }

// mark is middleware that records when it is entered and left.
func (d *diary) mark(name string) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			d.add(name + " in " + rt.Stage().String())
			v, err := next(s, ev)
			d.add(name + " out")
			return v, err
		}
	}
}

func (d *diary) mail(name string) func(*framework.Session, *framework.Mail) error {
	return func(*framework.Session, *framework.Mail) error { d.add(name); return nil }
}

// around returns what marks record around a handler, outermost first.
func around(handler string, marks ...string) []string {
	lines := []string{handler}
	for _, m := range slices.Backward(marks) {
		lines = slices.Concat([]string{m + " in mail"}, lines, []string{m + " out"})
	}
	return lines
}

func TestMiddlewareOrder(t *testing.T) {
	t.Parallel()
	var d diary
	r := framework.NewRouter()
	r.Use(d.mark("use1"), d.mark("use2"))
	r.Use(d.mark("use3"))
	r.ObserveMail(d.mail("plain"))
	r.With(d.mark("with1"), d.mark("with2")).ObserveMail(d.mail("with"))
	r.Group(func(r *framework.Router) {
		r.Use(d.mark("group"))
		r.With(d.mark("inner")).ObserveMail(d.mail("grouped"))
	})
	r.ObserveMail(d.mail("after"))
	r.With(d.mark("mount")).Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.Use(d.mark("own"))
		r.ObserveMail(d.mail("mounted"))
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)

	want := slices.Concat(
		around("plain", "use1", "use2", "use3"),
		around("with", "use1", "use2", "use3", "with1", "with2"),
		around("grouped", "use1", "use2", "use3", "group", "inner"),
		around("after", "use1", "use2", "use3"),
		around("mounted", "use1", "use2", "use3", "mount", "own"),
	)
	assert.Equal(t, want, d.lines)
}

// Middleware is called once for each route, when the plan is created, with the
// properties of the route.
func TestRoute(t *testing.T) {
	t.Parallel()
	type fact struct {
		stage    framework.Stage
		filter   string
		answers  bool
		rejected bool
	}
	var facts []fact
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		facts = append(facts, fact{rt.Stage(), rt.Filter(), rt.Answers(), rt.Rejected()})
		return next
	})
	r.OnConnect(goesOn)
	r.ObserveBody(watches)
	r.ObserveRejectedRcpt(watches)
	r.ObserveAbort(watches)
	r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.OnEndOfMessage(goesOn)
		r.ObserveClose(watches)
		return nil
	}))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for range 3 {
		conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
	}
	assert.Equal(t, []fact{
		{framework.StageConnect, "main", true, false},
		{framework.StageBody, "main", false, false},
		{framework.StageRcpt, "main", false, true},
		{framework.StageAbort, "main", false, false},
		{framework.StageEndOfMessage, "f", true, false},
		{framework.StageClose, "f", false, false},
	}, facts)
}

// Answer makes the MTA wait for a reply at every stage that allows one. An
// outer middleware sees that an inner one called it.
func TestRouteAnswer(t *testing.T) {
	t.Parallel()
	answer := func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.Answer()
		return next
	}
	seen := map[framework.Stage]bool{}
	see := func(rt *framework.Route, next framework.Handler) framework.Handler {
		seen[rt.Stage()] = rt.Answers()
		return next
	}
	r := framework.NewRouter()
	r.Use(see, answer)
	r.ObserveConnect(watches)
	r.ObserveHelo(watches)
	r.ObserveMail(watches)
	r.ObserveData(watches)
	r.ObserveHeader(watches)
	r.ObserveEndOfHeaders(watches)
	r.ObserveBody(watches)
	r.ObserveUnknown(watches)
	r.ObserveRejectedRcpt(watches)
	r.ObserveAbort(watches)
	r.ObserveClose(watches)
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Equal(t, wire.ProtoNRRcpt, plan.Protocol&allNR, "a refused recipient has no answer")
	for stage, answers := range seen {
		want := stage != framework.StageRcpt && stage != framework.StageAbort && stage != framework.StageClose
		assert.Equal(t, want, answers, stage.String())
	}
}

// If middleware returns a verdict on an observing route, the next stage that
// replies sends it. With Answer it is sent immediately.
func TestMiddlewareDecidesOnAnObserver(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{false, true} {
		r := framework.NewRouter()
		r.With(func(rt *framework.Route, next framework.Handler) framework.Handler {
			if answers {
				rt.Answer()
			}
			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
				if _, err := next(s, ev); err != nil {
					return framework.Continue, err
				}
				return framework.Reply(550, "5.7.1", "too much")
			}
		}).ObserveHeader(watches)
		var heard bool
		r.ObserveEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) error { heard = true; return nil })
		res := miltertest.RunRouter(t, r, miltertest.Message(hello))
		res.AssertRejected(t)
		assert.Equal(t, "550 5.7.1 too much", res.Reply())
		last := res.Steps[len(res.Steps)-1]
		assert.Equal(t, mta.Answered, last.Origin)
		want := mta.StageEndOfMessage
		if answers {
			want = mta.StageHeader
		}
		assert.Equal(t, want, last.Stage)
		assert.False(t, heard, "the message is over for the filter")
	}
}

// A macro that middleware requested is in the plan, with the name and location
// of the route, and has its value.
func TestMiddlewareWantsAMacro(t *testing.T) {
	t.Parallel()
	var value string
	r := framework.NewRouter()
	where := lineBelow(here())
	limited := r.With(func(rt *framework.Route, next framework.Handler) framework.Handler {
		macro := rt.WantMacro(framework.StageConnect, "{client_connections}")
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			value, _ = macro.Value(s)
			return next(s, ev)
		}
	})
	limited.OnMail(goesOn)
	srv := miltertest.NewRouterServer(t, r)
	assert.Contains(t, srv.Plan().Reasons, framework.Reason{
		Bit: "SMFIM_CONNECT {client_connections}", Asked: true, Optional: true,
		Cause: "framework.TestMiddlewareWantsAMacro", Filter: "main", Where: where,
	})
	assert.Contains(t, srv.Plan().Reasons, framework.Reason{
		Bit: "SMFIP_NR_CONN", Asked: true,
		Cause: "framework.TestMiddlewareWantsAMacro({client_connections})", Filter: "main", Where: where,
	})
	res := srv.Dial(t).Run(t, miltertest.Message(hello, miltertest.Macro(framework.StageConnect, "client_connections", "7")))
	res.AssertAccepted(t)
	assert.Equal(t, "7", value)
}

// Middleware does not make the MTA send additional stages.
func TestMiddlewareAddsNoStage(t *testing.T) {
	t.Parallel()
	var d diary
	r := framework.NewRouter()
	r.Use(d.mark("a"), d.mark("b"))
	r.OnEndOfMessage(goesOn)
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Equal(t, allNo, plan.Protocol)
	assert.Empty(t, plan.Macros)
}

// What is created once for a router is shared by all of its filters. What is
// created once for a filter is shared by all of its handlers.
func TestOncePer(t *testing.T) {
	t.Parallel()
	made := 0
	next := func(*framework.Route) int { made++; return made }
	router, filter := framework.OncePerRouter(next), framework.OncePerFilter(next)
	for round := range 2 {
		var got []string
		r := framework.NewRouter()
		r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
			got = append(got, fmt.Sprint(rt.Filter(), router(rt)-3*round, filter(rt)-3*round))
			return next
		})
		for _, name := range []string{"a", "b"} {
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
				r.ObserveMail(watches)
				r.OnEndOfMessage(goesOn)
				return nil
			}))
		}
		_, err := r.Plan()
		require.NoError(t, err)
		assert.Equal(t, []string{"a1 2", "a1 2", "b1 3", "b1 3"}, got)
	}
}
