package miltertest

import (
	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// answer is what came of a message, and from where.
type answer struct {
	text string
	srv  *Server
}

// serve starts a server with the filter alone.
func (s *suite) serve(t T, opts ...Option) *Server {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(s.filter(), s.settings.lane...)
	return s.serveRouter(t, r, opts...)
}

// serveRouter starts a server. There are very many, so each is shown only if its
// own answer is wrong; and only one check looks at goroutines.
func (s *suite) serveRouter(t T, r *framework.Router, opts ...Option) *Server {
	t.Helper()
	set := s.settings
	set.lane, set.goroutines, set.quiet, set.mta = nil, true, true, mta.Config{}
	for _, opt := range opts {
		opt(&set)
	}
	return serve(t, r, set)
}

// ask sends a message over a connection of its own.
func (srv *Server) ask(t T, msg *mta.Message) answer {
	t.Helper()
	conn := srv.Dial(t)
	a := conn.ask(t, msg)
	_ = conn.Quit(t.Context()) // the filter may have hung up after its last word
	return a
}

func (c *Conn) ask(t T, msg *mta.Message) answer {
	t.Helper()
	out, err := c.Send(t.Context(), msg)
	if err != nil {
		return answer{"the filter failed: " + err.Error(), c.srv}
	}
	return answer{answerOf(out), c.srv}
}

// answer is that of a server of its own.
func (s *suite) answer(t T, msg *mta.Message, opts ...Option) answer {
	t.Helper()
	srv := s.serve(t, opts...)
	defer srv.Close(t)
	return srv.ask(t, msg)
}

// answers are those to the messages of the suite.
func (s *suite) answers(t T, opts ...Option) []answer {
	t.Helper()
	var list []answer
	for _, msg := range s.msgs {
		list = append(list, s.answer(t, msg, opts...))
	}
	return list
}

// equal asserts that an answer is as it should be, and shows how it came about
// when it is not.
func equal(t T, want, got answer, why string, args ...any) bool {
	t.Helper()
	if assert.Equalf(t, want.text, got.text, why, args...) {
		return true
	}
	got.srv.reveal(t)
	return false
}

// same is equal for all messages, up to the first that is not.
func (s *suite) same(t T, want, got []answer, why string) bool {
	t.Helper()
	for i := range want {
		if !equal(t, want[i], got[i], "%s\nmessage %d:\n%.500s", why, i, s.msgs[i].Bytes()) {
			return false
		}
	}
	return true
}

// steady reports whether the filter gives the same answers twice.
func (s *suite) steady(t T) bool {
	t.Helper()
	return s.same(t, s.answers(t), s.answers(t), "the answer changes from one time to the next; see miltertest.Fresh")
}
