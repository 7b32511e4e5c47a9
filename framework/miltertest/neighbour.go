package miltertest

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// neighbours puts a lane that panics at each stage before and behind the
// filter's. It may modify everything, so that a filter behind it is shown the
// content later.
func (s *suite) neighbours(t T) {
	t.Helper()
	stages := []framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt, framework.StageData,
		framework.StageHeader, framework.StageEndOfHeaders, framework.StageBody, framework.StageEndOfMessage,
	}
	want := s.answers(t)
	for n, stage := range stages {
		for _, before := range []bool{true, false} {
			for i, msg := range s.msgs {
				if i < ordinaries && i%3 != n%3 {
					continue // each stage has a third of the messages that are nobody's
				}
				got := s.beside(t, msg, neighbour{stage, true}, before)
				place := map[bool]string{true: "before", false: "behind"}[before]
				if !equal(t, want[i], got, "a lane %s the filter's panicked at %v; message %d:\n%.500s", place, stage, i, msg.Bytes()) {
					return
				}
			}
		}
	}
}

// besides are the answers behind a neighbour.
func (s *suite) besides(t T, n neighbour, opts ...Option) (list []answer) {
	t.Helper()
	for _, msg := range s.msgs {
		list = append(list, s.beside(t, msg, n, true, opts...))
	}
	return list
}

func (s *suite) beside(t T, msg *mta.Message, n neighbour, before bool, opts ...Option) answer {
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
	return srv.ask(t, msg)
}

// neighbour is a filter that may modify everything, and does nothing but panic
// at one stage.
type neighbour struct {
	at     framework.Stage
	panics bool
}

// Name implements framework.Filter.
func (neighbour) Name() string { return "miltertest: a neighbour that panics" }

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
		panic("a neighbour's bug")
	}
	return framework.Continue, nil
}
