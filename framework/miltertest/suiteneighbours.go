package miltertest

import (
	"github.com/sluicemail/sluice/framework"
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
	for _, stage := range stages {
		for _, before := range []bool{true, false} {
			for i, msg := range s.msgs {
				srv := s.beside(t, neighbour{stage}, before)
				got := srv.ask(t, msg)
				srv.Close(t)
				place := map[bool]string{true: "before", false: "behind"}[before]
				if !equal(t, want[i], got, "a lane %s the filter's panicked at %v; message %d:\n%.500s", place, stage, i, msg.Bytes()) {
					return
				}
			}
		}
	}
}

func (s *suite) beside(t T, n neighbour, before bool) *Server {
	t.Helper()
	r := framework.NewRouter()
	if before {
		r.Mount(n, framework.FailOpen())
	}
	r.Mount(s.filter(), s.settings.lane...)
	if !before {
		r.Mount(n, framework.FailOpen())
	}
	return s.serveRouter(t, r)
}

// neighbour is a filter that panics at one stage.
type neighbour struct{ at framework.Stage }

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
	if s == n.at {
		panic("a neighbour's bug")
	}
	return framework.Continue, nil
}
