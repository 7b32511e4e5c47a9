package middleware_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

const letter = "From: a@example.org\nSubject: hello\n\nHow are you?\n"

// goesOn is a handler that returns Continue, and watches is an observer.
func goesOn[E framework.Event](*framework.Session, E) (framework.Verdict, error) {
	return framework.Continue, nil
}
func watches[E framework.Event](*framework.Session, E) error { return nil }

// says returns a handler that returns the verdict.
func says[E framework.Event](v framework.Verdict) func(*framework.Session, E) (framework.Verdict, error) {
	return func(*framework.Session, E) (framework.Verdict, error) { return v, nil }
}

// filter returns a filter whose Register calls a function.
func filter(name string, register func(r *framework.Router)) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		register(r)
		return nil
	})
}

// everyStage registers a handler for each stage: an answering handler, or an
// observer if the stage allows it.
func everyStage(r *framework.Router, answers bool) {
	r.ObserveAbort(watches)
	r.ObserveClose(watches)
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

// mistakes asserts that a plan with the middleware reports a mistake that
// contains the text.
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
