package miltertest

import (
	"bytes"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// plan makes the plan several times, as a process does once at its start.
func (s *suite) plan(t T) {
	t.Helper()
	var first bytes.Buffer
	for i := range 3 {
		r := framework.NewRouter()
		r.Mount(s.filter(), s.settings.lane...)
		plan, err := r.Plan()
		if !assert.NoError(t, err, "the filter cannot be registered") {
			return
		}
		var text bytes.Buffer
		_ = plan.Explain(&text) // a buffer takes all
		if i == 0 {
			first = text
		}
		assert.Equal(t, first.String(), text.String(), "the filter registers something else each time")
	}
}

// handlers looks for failures, which the framework has logged.
func (s *suite) handlers(t T) {
	t.Helper()
	for _, msg := range s.msgs {
		srv := s.serve(t)
		conn := srv.Dial(t)
		_ = conn.ask(t, msg)
		_, _ = conn.Unknown(t.Context(), "XYZZY")
		_ = conn.Quit(t.Context())
		srv.Close(t)
		for _, failure := range srv.failures() {
			assert.Fail(t, "a handler failed", "%s\nmessage:\n%.500s", failure, msg.Bytes())
		}
	}
}

// failures returns what handlers made go wrong.
func (srv *Server) failures() (list []string) {
	for _, r := range srv.Logs() {
		switch r.Message {
		case "handler failed", "handler hangs, answering in its place", "modifications not sent":
			list = append(list, Logs{r}.String())
		}
	}
	return list
}

// together sends the messages over one connection, and some again.
func (s *suite) together(t T) {
	t.Helper()
	order := make([]*mta.Message, 0, 2*len(s.msgs))
	for i, msg := range s.msgs {
		order = append(order, msg, s.msgs[len(s.msgs)-1-i])
	}
	for _, p := range []Personality{Postfix(), Sendmail()} {
		one, several := s.serve(t, As(p)), s.serve(t, As(p))
		conn := one.Dial(t)
		for i, msg := range order {
			msg = following(order[0], msg)
			want, got := several.ask(t, msg), conn.ask(t, msg)
			if !equal(t, want, got, "on %s, the answer to message %d of a connection:\n%.500s", p.Name, i, msg.Bytes()) {
				break
			}
		}
	}
}

// missingMacros has an MTA send none. That may well change the answers.
func (s *suite) missingMacros(t T) {
	t.Helper()
	for _, msg := range s.msgs {
		bare := *msg
		bare.Macros, bare.ExtraMacros = make(map[wire.MacroStage][]mta.Macro), nil
		with, without := s.answer(t, msg), s.answer(t, &bare)
		assert.NotContains(t, without.text, "the filter failed")
		if len(with.srv.failures()) == 0 {
			assert.Empty(t, without.srv.failures(), "a handler failed for want of macros")
		}
	}
}

// lentBytes compares with what comes of bytes that are left as they are: those
// of the connection, and those that a lane is shown later because of another.
func (s *suite) lentBytes(t T) {
	t.Helper()
	poison := func(on bool) Option { return Configure(func(c *framework.Config) { c.PoisonLent = on }) }
	const why = "the filter uses what was lent to a handler that has returned"
	if !s.same(t, s.answers(t, poison(false)), s.answers(t, poison(true)), why) {
		return
	}
	calm := neighbour{} // which panics nowhere
	s.same(t, s.besides(t, calm, poison(false)), s.besides(t, calm, poison(true)), why+", behind another lane")
}

// large sends large messages to both MTAs.
func (s *suite) large(t T) {
	t.Helper()
	sound := len(s.answer(t, s.msgs[0]).srv.failures()) == 0
	for _, msg := range big() {
		want := s.answer(t, msg)
		assert.NotContains(t, want.text, "the filter failed")
		if sound {
			assert.Empty(t, want.srv.failures(), "a handler failed on a large message")
		}
		equal(t, want, s.answer(t, msg, As(Postfix().Without(NoReplyBits))), "the answer to a large message, on an MTA that waits for each answer")
		equal(t, want, s.answer(t, msg, As(Postfix().Offering(wire.ProtoMDS1M)), largePackets), "the answer to a large message, in packets of 1 MiB")
	}
}

// largePackets has the largest packets asked for, where they are offered.
func largePackets(s *settings) {
	s.configure = append(s.configure, func(cfg *framework.Config) { cfg.MaxPacket = wire.Limit1M })
}

// on compares an MTA with a Postfix of today. Of an MTA that offers larger
// packets, they are asked for.
func (s *suite) on(t T, p Personality) {
	t.Helper()
	s.same(t, s.answers(t), s.answers(t, As(p), largePackets), "the answer on "+p.Name+" is not that on Postfix")
}

// goroutines runs the messages on servers that look for goroutines.
func (s *suite) goroutines(t T) {
	t.Helper()
	strict := func(set *settings) { set.goroutines = s.settings.goroutines }
	for _, msg := range s.msgs {
		if s.answer(t, msg, strict); t.Failed() {
			return // looking for them takes its time
		}
	}
}
