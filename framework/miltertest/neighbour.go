package miltertest

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// neighbours mounts another filter before or behind the filter under test: one
// that panics, and behind it one that adds fields.
func (s *suite) neighbours(t T) {
	t.Helper()
	want := s.answers(t)
	if s.besidePanic(t, want) {
		s.beforeAdder(t, want)
	}
}

// besidePanic mounts a filter that panics, for each stage. It may modify
// everything, so that the framework replays the content to a filter behind it.
func (s *suite) besidePanic(t T, want []answer) bool {
	t.Helper()
	stages := []framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt, framework.StageData,
		framework.StageHeader, framework.StageEndOfHeaders, framework.StageBody, framework.StageEndOfMessage,
	}
	for n, stage := range stages {
		for _, before := range []bool{true, false} {
			for i, msg := range s.msgs {
				if i < standardCount && i%3 != n%3 {
					continue // each stage gets a third of the standard messages, to save time
				}
				got := s.answerBeside(t, msg, neighbour{stage, true}, before)
				position := map[bool]string{true: "before", false: "behind"}[before]
				if !equal(t, want[i], got, "a filter %s this one panicked at %v; message %d:\n%.500s", position, stage, i, msg.Bytes()) {
					return false
				}
			}
		}
	}
	return true
}

// answersBehind returns the answers of the filter mounted behind a neighbour.
func (s *suite) answersBehind(t T, n neighbour, opts ...Option) (list []answer) {
	t.Helper()
	for _, msg := range s.msgs {
		list = append(list, s.answerBeside(t, msg, n, true, opts...))
	}
	return list
}

// answerBeside returns the answer of the filter mounted before or behind a
// neighbour.
func (s *suite) answerBeside(t T, msg *mta.Message, n framework.Filter, before bool, opts ...Option) answer {
	t.Helper()
	r := framework.NewRouter()
	if before {
		r.Mount(n, framework.FailOpen())
	}
	r.Mount(s.filter(), s.settings.lane...)
	if !before {
		r.Mount(n, framework.FailOpen())
	}
	srv := s.serveRouter(t, r, opts...)
	defer srv.Close(t)
	return sendOnce(t, srv, msg)
}

// neighbour is a filter that may modify everything, and only panics at one
// stage.
type neighbour struct {
	at     framework.Stage
	panics bool
}

// Name implements framework.Filter.
func (neighbour) Name() string { return "miltertest: panicking neighbour" }

// Register implements framework.Filter.
func (n neighbour) Register(r *framework.Router) error {
	r.GrantAddHeader()
	r.GrantChangeHeader()
	r.GrantReplaceBody()
	r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) {
		return n.stage(framework.StageConnect)
	})
	r.OnHelo(func(*framework.Session, *framework.Helo) (framework.Verdict, error) {
		return n.stage(framework.StageHelo)
	})
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		return n.stage(framework.StageMail)
	})
	r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
		return n.stage(framework.StageRcpt)
	})
	r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
		return n.stage(framework.StageData)
	})
	r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) {
		return n.stage(framework.StageHeader)
	})
	r.OnEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) (framework.Verdict, error) {
		return n.stage(framework.StageEndOfHeaders)
	})
	r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) {
		return n.stage(framework.StageBody)
	})
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return n.stage(framework.StageEndOfMessage)
	})
	return nil
}

func (n neighbour) stage(s framework.Stage) (framework.Verdict, error) {
	if n.panics && s == n.at {
		panic("miltertest: the neighbour panics at this stage")
	}
	return framework.Continue, nil
}
