package miltertest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
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

// answerOf returns what a client and a recipient see of an outcome, as text that
// is the same where the same comes of a message on different MTAs: the reply, or
// the message as it is delivered. At which stage it was decided is not in it,
// for that goes by what the MTA offers.
func answerOf(out *mta.Outcome) string {
	var b strings.Builder
	for _, r := range out.Refused {
		fmt.Fprintf(&b, "%s is refused: %s\n", r.Addr, strings.Join(r.Response.Lines(), " / "))
	}
	switch {
	case out.Verdict.Code == wire.RepDiscard:
		b.WriteString("it is discarded\n")
	case out.Edited == nil:
		fmt.Fprintf(&b, "it is refused: %s\n", strings.Join(out.Verdict.Lines(), " / "))
	default:
		describe(&b, out)
	}
	return b.String()
}

func describe(b *strings.Builder, out *mta.Outcome) {
	if out.Quarantined {
		fmt.Fprintf(b, "it is held: %s\n", out.Quarantine)
	}
	m := out.Edited
	fmt.Fprintf(b, "from %s %v\n", unbracketed(m.Sender.Addr), m.Sender.Args)
	var to []string
	for _, r := range m.Recipients {
		to = append(to, fmt.Sprint(unbracketed(r.Addr), r.Args))
	}
	slices.Sort(to) // and one who is there twice gets it once from some MTAs
	for _, line := range slices.Compact(to) {
		fmt.Fprintf(b, "to %s\n", line)
	}
	for _, f := range m.Header {
		fmt.Fprintf(b, "%s:%.500s\n", strings.ToLower(f.Name), f.Value) // Sendmail keeps the old spelling
	}
	fmt.Fprintf(b, "body of %d bytes, %x\n%.500s\n", len(m.Body), sha256.Sum256(m.Body), m.Body)
}
