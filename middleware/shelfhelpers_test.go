package middleware_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

const letter = "From: a@example.org\nSubject: hello\n\nHow are you?\n"

// goesOn answers Continue, and watches observes.
func goesOn[E framework.Event](*framework.Session, E) (framework.Verdict, error) {
	return framework.Continue, nil
}
func watches[E framework.Event](*framework.Session, E) error { return nil }

// says answers with a verdict.
func says[E framework.Event](v framework.Verdict) func(*framework.Session, E) (framework.Verdict, error) {
	return func(*framework.Session, E) (framework.Verdict, error) { return v, nil }
}

// filter returns a filter that is made of a function without an error.
func filter(name string, register func(r *framework.Router)) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		register(r)
		return nil
	})
}

// everyStage registers a handler for each stage: handlers that answer, or
// observers where there are.
func everyStage(r *framework.Router, answers bool) {
	r.OnAbort(watches)
	r.OnClose(watches)
	r.ObserveRejectedRcpt(watches)
	r.OnEndOfMessage(goesOn)
	if answers {
		r.OnConnect(goesOn)
		r.OnHelo(goesOn)
		r.OnMail(goesOn)
		r.OnRcpt(goesOn)
		r.OnData(goesOn)
		r.OnHeader(goesOn)
		r.OnEndOfHeaders(goesOn)
		r.OnBody(goesOn)
		r.OnUnknown(goesOn)
		return
	}
	r.ObserveConnect(watches)
	r.ObserveHelo(watches)
	r.ObserveMail(watches)
	r.ObserveRcpt(watches)
	r.ObserveData(watches)
	r.ObserveHeader(watches)
	r.ObserveEndOfHeaders(watches)
	r.ObserveBody(watches)
	r.ObserveUnknown(watches)
}

// mistakes asserts that a plan with the middleware has a mistake of the text.
func mistakes(t *testing.T, mw framework.Middleware, text string) {
	t.Helper()
	r := framework.NewRouter()
	r.Use(mw)
	everyStage(r, true)
	_, err := r.Plan()
	assert.ErrorContains(t, err, text)
}

// poolLosses is how many allocations of a line of the log the race detector
// adds: with it, a sync.Pool forgets some of what it is given.
func poolLosses() float64 {
	if testproc.RaceEnabled {
		return 4
	}
	return 0
}
