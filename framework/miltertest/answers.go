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

// answer is the outcome of a message as text, and the server that gave it.
type answer struct {
	text   string
	edited *mta.Message // as it is delivered, or nil
	srv    *Server
}

// serve starts a server whose only filter is the one under test.
func (s *suite) serve(t T, opts ...Option) *Server {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(s.filter(), s.settings.lane...)
	return s.serveRouter(t, r, opts...)
}

// serveRouter starts a server for the router. The suite starts very many
// servers, so a server is shown only if its own answer is wrong, only the check
// "goroutines" looks for leaked goroutines, and only the check "handlers" for calls
// at a wrong stage.
func (s *suite) serveRouter(t T, r *framework.Router, opts ...Option) *Server {
	t.Helper()
	set := s.settings
	set.lane, set.goroutines, set.wrongStages, set.quiet, set.mta = nil, true, true, true, mta.Config{}
	for _, opt := range opts {
		opt(&set)
	}
	return serve(t, r, set)
}

// sendOnce sends a message over a new connection.
func sendOnce(t T, srv *Server, msg *mta.Message) answer {
	t.Helper()
	conn := srv.Dial(t)
	a := send(t, conn, msg)
	_ = conn.Quit(t.Context()) // fails if the filter closed the connection after its final reply
	return a
}

func send(t T, c *Conn, msg *mta.Message) answer {
	t.Helper()
	out, err := c.Send(t.Context(), msg)
	if err != nil {
		return answer{text: "the filter failed: " + err.Error(), srv: c.srv}
	}
	return answer{answerOf(out), out.Edited, c.srv}
}

// answer returns the answer of a new server to the message.
func (s *suite) answer(t T, msg *mta.Message, opts ...Option) answer {
	t.Helper()
	srv := s.serve(t, opts...)
	defer srv.Close(t)
	return sendOnce(t, srv, msg)
}

// answers returns the answers to the messages of the suite, each from a new
// server.
func (s *suite) answers(t T, opts ...Option) []answer {
	t.Helper()
	var list []answer
	for _, msg := range s.msgs {
		list = append(list, s.answer(t, msg, opts...))
	}
	return list
}

// equal asserts that an answer is as expected. If it is not, equal shows the
// traffic and the log that led to it.
func equal(t T, want, got answer, why string, args ...any) bool {
	t.Helper()
	if assert.Equalf(t, want.text, got.text, why, args...) {
		return true
	}
	got.srv.show(t)
	return false
}

// equalAll asserts equal for all messages, and stops at the first difference.
func (s *suite) equalAll(t T, want, got []answer, why string) bool {
	t.Helper()
	for i := range want {
		if !equal(t, want[i], got[i], "%s\nmessage %d:\n%.500s", why, i, s.msgs[i].Bytes()) {
			return false
		}
	}
	return true
}

// deterministic reports whether the filter gives the same answers twice.
func (s *suite) deterministic(t T) bool {
	t.Helper()
	return s.equalAll(t, s.answers(t), s.answers(t), "the filter answers the same message differently the second time; see miltertest.Fresh")
}

// answerOf returns what the client and the recipient see of an outcome, as
// text: the reply, or the message as delivered. The text is equal if two MTAs
// treat the message alike. It does not contain the stage of the decision, which
// depends on what the MTA offers.
func answerOf(out *mta.Outcome) string {
	var b strings.Builder
	for _, r := range out.Refused {
		fmt.Fprintf(&b, "recipient %s was refused: %s\n", r.Addr, strings.Join(r.Response.Lines(), " / "))
	}
	switch {
	case out.Verdict.Code == wire.RepDiscard:
		b.WriteString("the message was discarded\n")
	case out.Edited == nil:
		fmt.Fprintf(&b, "the message was refused: %s\n", strings.Join(out.Verdict.Lines(), " / "))
	default:
		describe(&b, out)
	}
	return b.String()
}

func describe(b *strings.Builder, out *mta.Outcome) {
	if out.Quarantined {
		fmt.Fprintf(b, "the message was quarantined: %s\n", out.Quarantine)
	}
	m := out.Edited
	fmt.Fprintf(b, "from %s %v\n", unbracketed(m.Sender.Addr), m.Sender.Args)
	var to []string
	for _, r := range m.Recipients {
		to = append(to, fmt.Sprint(unbracketed(r.Addr), r.Args))
	}
	slices.Sort(to) // some MTAs deliver once to a recipient that is listed twice
	for _, line := range slices.Compact(to) {
		fmt.Fprintf(b, "to %s\n", line)
	}
	for _, f := range m.Header {
		fmt.Fprintf(b, "%s:%.500s\n", strings.ToLower(f.Name), f.Value) // Sendmail keeps the original case of the name
	}
	fmt.Fprintf(b, "body of %d bytes, SHA-256 %x\n%.500s\n", len(m.Body), sha256.Sum256(m.Body), m.Body)
}
