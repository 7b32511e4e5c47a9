//go:build integration

package integration_test

import (
	"errors"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// decision is the result of a handler.
type decision func() (framework.Verdict, error)

// stage is a stage at which a handler decides.
type stage struct {
	name    string
	answer  func(*framework.Router, decision)
	observe func(*framework.Router, decision)
}

func stages() []stage {
	type router = framework.Router
	return []stage{
		{"connect", func(r *router, d decision) { on(r.OnConnect, d) }, func(r *router, d decision) { watch(r.ObserveConnect, d) }},
		{"helo", func(r *router, d decision) { on(r.OnHelo, d) }, func(r *router, d decision) { watch(r.ObserveHelo, d) }},
		{"unknown", func(r *router, d decision) { on(r.OnUnknown, d) }, func(r *router, d decision) { watch(r.ObserveUnknown, d) }},
		{"mail", func(r *router, d decision) { on(r.OnMail, d) }, func(r *router, d decision) { watch(r.ObserveMail, d) }},
		{"rcpt", func(r *router, d decision) { on(r.OnRcpt, d) }, func(r *router, d decision) { watch(r.ObserveRcpt, d) }},
		{"data", func(r *router, d decision) { on(r.OnData, d) }, func(r *router, d decision) { watch(r.ObserveData, d) }},
		{"header", func(r *router, d decision) { on(r.OnHeader, d) }, func(r *router, d decision) { watch(r.ObserveHeader, d) }},
		{"end of headers", func(r *router, d decision) { on(r.OnEndOfHeaders, d) }, func(r *router, d decision) { watch(r.ObserveEndOfHeaders, d) }},
		{"body", func(r *router, d decision) { on(r.OnBody, d) }, func(r *router, d decision) { watch(r.ObserveBody, d) }},
		{"end of message", func(r *router, d decision) { on(r.OnEndOfMessage, d) }, nil},
	}
}

func on[E any](register func(func(*framework.Session, E) (framework.Verdict, error)), d decision) {
	register(func(*framework.Session, E) (framework.Verdict, error) { return d() })
}

func watch[E any](register func(func(*framework.Session, E) error), d decision) {
	register(func(*framework.Session, E) error {
		_, err := d()
		return err
	})
}

var errHandler = errors.New("a handler that failed")

// verdict is a decision with its name.
type verdict struct {
	name     string
	decide   decision
	observed bool // by a handler that has no answer
}

func verdicts() []verdict {
	reply := func(code int, enhanced string, lines ...string) decision {
		return func() (framework.Verdict, error) { return framework.Reply(code, enhanced, lines...) }
	}
	return []verdict{
		{name: "Accept", decide: always(framework.Accept)},
		{name: "Reject", decide: always(framework.Reject)},
		{name: "TempFail", decide: always(framework.TempFail)},
		{name: "Discard", decide: always(framework.Discard)},
		{name: "SkipBody", decide: always(framework.SkipBody)},
		{name: "450 4.7.1", decide: reply(450, "4.7.1", "later")},
		{name: "550 5.7.1", decide: reply(550, "5.7.1", "no")},
		{name: "554, no enhanced status", decide: reply(554, "", "no")},
		{name: "550 in two lines", decide: reply(550, "5.7.1", "no", "and no again")},
		{name: "550 with percent signs", decide: reply(550, "5.7.1", "100% %s %d %% ${x}")},
		{name: "421", decide: reply(421, "4.7.0", "go away")},
		{name: "an error", decide: failing},
		{name: "an error of an observer", decide: failing, observed: true},
	}
}

func always(v framework.Verdict) decision {
	return func() (framework.Verdict, error) { return v, nil }
}

func failing() (framework.Verdict, error) { return framework.Continue, errHandler }

// once returns the decision at the first call and Continue at later calls.
func (d decision) once() decision {
	var given atomic.Bool
	return func() (framework.Verdict, error) {
		if given.Swap(true) {
			return framework.Continue, nil
		}
		return d()
	}
}
