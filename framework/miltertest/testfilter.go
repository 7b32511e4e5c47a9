package miltertest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestFilter runs a filter through what MTAs and their clients may do to it, as
// subtests of t. It asks nothing of what the filter does, but that it does the
// same whatever the MTA, and whatever the lanes beside it:
//
//   - same answers: a message gets the same answer twice. When it does not, the
//     rest is left out: see [Fresh].
//   - plan: the filter registers the same each time.
//   - handlers: none fails, panics, or gives a verdict where it cannot be given.
//   - abort: a client may leave at any point of a message, and the next message
//     is answered as ever.
//   - messages of one connection: they are answered as they are over several.
//   - body cut anywhere: it makes no difference where a body is cut into chunks.
//   - missing macros: handlers do not fail for want of macros.
//   - lent bytes: nothing that was lent to a handler is used afterwards.
//   - neighbours: the answers are the same beside a filter that panics and fails
//     open, be it mounted before or after.
//   - large messages: a header of 1000 fields, a body of 1 MiB.
//   - MTAs: the answers are the same on each of [Personalities]; a subtest each.
//   - goroutines: none is left.
//
// The messages are small and ordinary, odd here and there: no header, no body,
// 8-bit text. [Messages] adds those that the filter is made for, and without
// which it may not have much to do. [Except] leaves a subtest out. Of the other
// options, those that say which MTA is played are overruled.
func TestFilter(t *testing.T, filter framework.Filter, opts ...Option) {
	t.Helper()
	s := newSuite(filter, opts)
	if !s.steady(t) {
		return
	}
	for _, c := range s.checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

// Messages adds messages to those that [TestFilter] sends.
func Messages(msgs ...*mta.Message) Option {
	return func(s *settings) { s.messages = append(s.messages, msgs...) }
}

// Fresh has [TestFilter] make a new filter by calling fn wherever it starts a
// server, in place of the one that it was given. It is for filters that remember
// something from one session to the next, such as a greylister.
func Fresh(fn func() framework.Filter) Option {
	return func(s *settings) { s.fresh = fn }
}

// Except leaves subtests of [TestFilter] out, by their names: "missing macros",
// or "on Postfix, version 2".
func Except(names ...string) Option {
	return func(s *settings) { s.except = append(s.except, names...) }
}

// check is a subtest.
type check struct {
	name string
	run  func(t T)
}

// suite is what the checks share. Each makes servers of its own.
type suite struct {
	filter   func() framework.Filter
	settings settings
	msgs     []*mta.Message
}

func newSuite(filter framework.Filter, opts []Option) *suite {
	s := &suite{settings: collect(opts), filter: func() framework.Filter { return filter }}
	if s.settings.fresh != nil {
		s.filter = s.settings.fresh
	}
	first := ordinary()
	s.msgs = first[:]
	for _, msg := range s.settings.messages {
		s.msgs = append(s.msgs, identified(msg))
	}
	return s
}

// checks returns the subtests, but for those that are left out.
func (s *suite) checks() []check {
	list := []check{
		{"plan", s.plan},
		{"handlers", s.handlers},
		{"abort", s.abort},
		{"messages of one connection", s.together},
		{"body cut anywhere", s.cut},
		{"missing macros", s.missingMacros},
		{"lent bytes", s.lentBytes},
		{"neighbours", s.neighbours},
		{"large messages", s.large},
		{"goroutines", s.goroutines},
	}
	for _, p := range Personalities() {
		list = append(list, check{"on " + p.Name, func(t T) { s.on(t, p) }})
	}
	return slices.DeleteFunc(list, func(c check) bool { return slices.Contains(s.settings.except, c.name) })
}

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

// most bounds how many places of a message are tried.
const most = 12

// abort leaves each message after each of its events, and sends another; and
// leaves the connection there.
func (s *suite) abort(t T) {
	t.Helper()
	last := s.msgs[0]
	for _, p := range []Personality{Postfix(), Sendmail()} {
		for i, msg := range s.msgs {
			for _, events := range spread(eventsOf(msg)) {
				got, left := s.afterLeaving(t, p, msg, events)
				if !left { // the filter's last word came before
					break
				}
				want := s.answer(t, following(msg, last), As(p))
				if !equal(t, want, got, "on %s, message %d was left after %d events, and another sent", p.Name, i, events) {
					return
				}
			}
		}
	}
}

// following returns a message that the client of the first could send after it.
func following(first, msg *mta.Message) *mta.Message {
	m := *msg
	m.Client, m.Helo = first.Client, first.Helo
	return &m
}

// afterLeaving sends a part of a message and hangs up, and then a part of it and
// another message on one connection. It reports whether the part was one.
func (s *suite) afterLeaving(t T, p Personality, msg *mta.Message, events int) (a answer, left bool) {
	t.Helper()
	srv := s.serve(t, As(p))
	defer srv.Close(t)
	broken, conn := srv.Dial(t), srv.Dial(t)
	for _, c := range []*Conn{broken, conn} {
		ended, err := c.SendPart(t.Context(), msg, events)
		if err != nil {
			return answer{"the filter failed: " + err.Error(), srv}, true
		}
		if ended {
			return answer{}, false
		}
	}
	_ = broken.Flush(t.Context()) // the filter may have hung up after its last word
	_ = broken.Close()
	a = conn.ask(t, following(msg, s.msgs[0]))
	_ = conn.Quit(t.Context())
	return a, true
}

// eventsOf returns how many events a message has before its end.
func eventsOf(msg *mta.Message) int {
	const others = 3 // MAIL, DATA and the end of the header
	n := others + len(msg.Recipients) + len(msg.Header)
	if len(msg.Body) > 0 {
		n++
	}
	return n
}

// cut cuts each body at each place, and into single bytes.
func (s *suite) cut(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		want := s.answer(t, msg)
		for _, cuts := range waysToCut(msg.Body) {
			m := *msg
			m.Cuts = cuts
			if !equal(t, want, s.answer(t, &m), "message %d, its body cut at %v", i, cuts[:min(len(cuts), 10)]) {
				break
			}
		}
	}
}

// waysToCut returns lists of places: all of a short body, some of a long one.
func waysToCut(body []byte) (ways [][]int) {
	if len(body) < 2 {
		return nil
	}
	for _, at := range spread(len(body) - 1) {
		if at > 0 {
			ways = append(ways, []int{at})
		}
	}
	for i, b := range body {
		if b == '\r' && len(ways) < 4*most { // in the middle of a line end, and around it
			ways = append(ways, []int{i + 1}, []int{i, i + 1, i + 2})
		}
	}
	const short = 4 << 10
	all := make([]int, 0, short)
	for at := 1; at < min(len(body), short); at++ {
		all = append(all, at)
	}
	return append(ways, all)
}

// spread returns the numbers from 0 to n, or some of them evenly spread.
func spread(n int) (list []int) {
	for i := range min(n, most) + 1 {
		list = append(list, i*n/max(min(n, most), 1))
	}
	return slices.Compact(list)
}
