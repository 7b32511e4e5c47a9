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

// TestFilter checks how a filter behaves with different MTAs, clients and
// neighbouring filters, as subtests of t. It does not know what the filter
// should do. It checks that the filter does the same in every environment:
//
//   - same answers: the filter answers a message the same way twice. If it does
//     not, TestFilter skips the other subtests: see [Fresh].
//   - plan: the filter registers the same handlers and requests each time.
//   - handlers: no handler fails, panics, returns a verdict that its stage does not
//     allow, or makes a call that has no result at its stage.
//   - abort: a client may disconnect at any point of a message, and the filter
//     answers the next message as usual.
//   - messages of one connection: the filter answers them as it does over
//     separate connections.
//   - body cut anywhere: the answer does not depend on how the MTA cuts a body
//     into chunks.
//   - recipients: the filter does not add a recipient twice to one message.
//   - missing macros: handlers do not fail if the MTA sends no macros.
//   - missing wishes: handlers do not fail if the MTA does not grant what the filter
//     asks for with [framework.Optional].
//   - lent bytes: the filter does not use bytes after the handler that they were
//     lent to has returned, and no reader of a message after its own end of that
//     message.
//   - neighbours: the answers are the same beside a filter that panics and fails
//     open, whether it is mounted before or after this one. They are the same, but
//     for the added fields, before a filter that adds fields.
//   - behind added fields: behind a filter that adds fields, no handler fails, and
//     the answers are the same, but for these fields. Omit it for a filter whose
//     purpose is to do something about all fields, such as a log.
//   - fields of others: fields that a filter before this one adds stay, whether or not
//     this filter edits fields of the same name: see [framework.Origin]. Their values
//     may change. Omit it for a filter whose purpose is to remove fields by name,
//     whoever wrote them.
//   - behind changes: no handler fails behind a filter that changes the sender, the
//     recipients, the fields and the body, if none fails on a message that came like
//     that.
//   - large messages: a header of 1000 fields and a body of 1 MiB.
//   - MTAs: the answers are the same on each of [Personalities], with one subtest
//     for each.
//   - Stalwart: the answers are the same as on an MTA that differs from [Stalwart] only in
//     that a message ends with an accept, and that its header comes once. The subtest has
//     the name "on Stalwart".
//   - goroutines: no goroutine is left running.
//
// The messages are small, and some are unusual: without header, without body,
// or with 8-bit text. Use [Messages] to add the messages that the filter acts
// on; without them the filter may have little to do. [Except] omits a subtest.
// TestFilter overrides the options that select the MTA.
func TestFilter(t *testing.T, filter framework.Filter, opts ...Option) {
	t.Helper()
	s := newSuite(filter, opts)
	if !s.deterministic(t) {
		return
	}
	for _, c := range s.checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

// Messages adds messages to the ones that [TestFilter] sends.
func Messages(msgs ...*mta.Message) Option {
	return func(s *settings) { s.messages = append(s.messages, msgs...) }
}

// Fresh makes [TestFilter] call fn to create a filter for each server, instead
// of sharing the filter that it was given. It is for filters that keep state
// across sessions, such as a greylister.
func Fresh(fn func() framework.Filter) Option {
	return func(s *settings) { s.fresh = fn }
}

// Except omits subtests of [TestFilter] by name, such as "missing macros" or
// "on Postfix, version 2".
func Except(names ...string) Option {
	return func(s *settings) { s.except = append(s.except, names...) }
}

// check is one subtest of TestFilter.
type check struct {
	name string
	run  func(t T)
}

// suite holds what the checks share. Each check starts its own servers.
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
	first := standardMessages()
	s.msgs = first[:]
	for _, msg := range s.settings.messages {
		s.msgs = append(s.msgs, withQueueID(msg))
	}
	return s
}

// checks returns the subtests without the omitted ones.
func (s *suite) checks() []check {
	list := []check{
		{"plan", s.plan},
		{"handlers", s.handlers},
		{"abort", s.abort},
		{"messages of one connection", s.oneConnection},
		{"body cut anywhere", s.bodyCuts},
		{"recipients", s.recipients},
		{"missing macros", s.missingMacros},
		{"missing wishes", s.missingWishes},
		{"lent bytes", s.lentBytes},
		{"neighbours", s.neighbours},
		{"behind added fields", s.behindAdder},
		{"fields of others", s.fieldsStay},
		{"behind changes", s.behindChanger},
		{"large messages", s.large},
		{"goroutines", s.goroutines},
		{"on Stalwart", s.onStalwart},
	}
	for _, p := range Personalities() {
		list = append(list, check{"on " + p.Name, func(t T) { s.onMTA(t, p) }})
	}
	return slices.DeleteFunc(list, func(c check) bool { return slices.Contains(s.settings.except, c.name) })
}

// plan asserts that the plan is the same each time. A process registers its
// filters once, when it starts.
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
		_ = plan.Explain(&text) // writing to a buffer does not fail
		if i == 0 {
			first = text
		}
		assert.Equal(t, first.String(), text.String(), "the filter registers something different each time")
	}
}

// handlers looks for handler failures in the framework's log.
func (s *suite) handlers(t T) {
	t.Helper()
	strict := func(set *settings) { set.wrongStages = s.settings.wrongStages }
	for _, msg := range s.msgs {
		srv := s.serve(t, strict)
		conn := srv.Dial(t)
		_ = send(t, conn, msg)
		_, _ = conn.Unknown(t.Context(), "XYZZY")
		_ = conn.Quit(t.Context())
		srv.Close(t)
		for _, failure := range failures(srv) {
			assert.Fail(t, "a handler failed", "%s\nmessage:\n%.500s", failure, msg.Bytes())
		}
	}
}

// failures returns the log records about failed handlers.
func failures(srv *Server) (list []string) {
	for _, r := range srv.Logs() {
		switch r.Message {
		case "handler failed", "handler timed out; replying on its behalf", "modifications not sent":
			list = append(list, Logs{r}.String())
		}
	}
	return list
}

// oneConnection sends the messages over one connection, each of them twice, and
// compares with the answers over separate connections.
func (s *suite) oneConnection(t T) {
	t.Helper()
	order := make([]*mta.Message, 0, 2*len(s.msgs))
	for i, msg := range s.msgs {
		order = append(order, msg, s.msgs[len(s.msgs)-1-i])
	}
	for _, p := range []Personality{Postfix(), Sendmail()} {
		one, several := s.serve(t, As(p)), s.serve(t, As(p))
		conn := one.Dial(t)
		for i, msg := range order {
			msg = fromSameClient(order[0], msg)
			want, got := sendOnce(t, several, msg), send(t, conn, msg)
			if !equal(t, want, got, "on %s, the answer to message %d of a connection differs from that over a new connection:\n%.500s", p.Name, i, msg.Bytes()) {
				break
			}
		}
	}
}

// recipients looks for recipients that the filter adds twice to one message. The
// framework sends them once.
func (s *suite) recipients(t T) {
	t.Helper()
	for _, msg := range s.msgs {
		if _, twice := s.answer(t, msg).srv.Logs().Find("recipients added twice by one filter"); twice {
			assert.Fail(t, "the filter adds a recipient twice", "message:\n%.500s", msg.Bytes())
		}
	}
}

// missingMacros sends the messages without macros. The answers may change, but
// handlers must not fail.
func (s *suite) missingMacros(t T) {
	t.Helper()
	for _, msg := range s.msgs {
		bare := *msg
		bare.Macros, bare.ExtraMacros = make(map[wire.MacroStage][]mta.Macro), nil
		with, without := s.answer(t, msg), s.answer(t, &bare)
		assert.NotContains(t, without.text, "the filter failed")
		if len(failures(with.srv)) == 0 {
			assert.Empty(t, failures(without.srv), "a handler failed because macros are missing")
		}
	}
}

// missingWishes sends the messages from an MTA that does not grant the optional actions of the
// filter. The answers may change, but handlers must not fail.
func (s *suite) missingWishes(t T) {
	t.Helper()
	wishes := s.serve(t).Plan().Optional &^ wire.ActionSetSymList
	if wishes == 0 {
		return
	}
	for _, msg := range s.msgs {
		with, without := s.answer(t, msg), s.answer(t, msg, As(Postfix().WithoutActions(wishes)))
		if len(failures(with.srv)) == 0 {
			assert.Empty(t, failures(without.srv), "a handler failed because the MTA does not grant %v, which is optional", wishes)
		}
	}
}

// lentBytes looks for readers that are used too late, and compares the answers with
// and without overwriting lent bytes: first the bytes of the connection, then the
// stored bytes that are replayed to a filter behind another one.
func (s *suite) lentBytes(t T) {
	t.Helper()
	poisoned := func(on bool) Option { return func(s *settings) { s.keepsLent = !on } }
	s.lateReaders(t)
	const why = "the filter uses bytes after the handler that they were lent to has returned"
	if !s.equalAll(t, s.answers(t, poisoned(false)), s.answers(t, poisoned(true)), why) {
		return
	}
	calm := neighbour{} // does not panic
	s.equalAll(t, s.answersBehind(t, calm, poisoned(false)), s.answersBehind(t, calm, poisoned(true)), why+", behind another filter")
}

// large sends large messages to MTAs with different packet sizes and replies.
func (s *suite) large(t T) {
	t.Helper()
	healthy := len(failures(s.answer(t, s.msgs[0]).srv)) == 0
	for _, msg := range largeMessages() {
		want := s.answer(t, msg)
		assert.NotContains(t, want.text, "the filter failed")
		if healthy {
			assert.Empty(t, failures(want.srv), "a handler failed on a large message")
		}
		equal(t, want, s.answer(t, msg, As(Postfix().Without(NoReplyBits))), "the answer to a large message differs on an MTA that waits for every reply")
		equal(t, want, s.answer(t, msg, As(Postfix().Offering(wire.ProtoMDS1M)), requestLargePackets), "the answer to a large message differs in packets of 1 MiB")
	}
}

// requestLargePackets makes the server request the largest packets that the MTA
// offers.
func requestLargePackets(s *settings) {
	s.configure = append(s.configure, func(cfg *framework.Config) { cfg.MaxPacket = wire.Limit1M })
}

// onMTA compares the answers on an MTA with those on a current Postfix. If the
// MTA offers larger packets, the server requests them.
func (s *suite) onMTA(t T, p Personality) {
	t.Helper()
	s.equalAll(t, s.answers(t), s.answers(t, As(p), requestLargePackets), "the answer on "+p.Name+" differs from the answer on Postfix")
}

// goroutines runs the messages on servers that check for leaked goroutines.
func (s *suite) goroutines(t T) {
	t.Helper()
	strict := func(set *settings) { set.goroutines = s.settings.goroutines }
	for _, msg := range s.msgs {
		if s.answer(t, msg, strict); t.Failed() {
			return // each check for a leak takes seconds
		}
	}
}

// maxPlaces bounds the number of positions in a message that a check tries.
const maxPlaces = 12

// abort disconnects, or aborts the message, after each of its events, and then
// sends another message.
func (s *suite) abort(t T) {
	t.Helper()
	last := s.msgs[0]
	for _, p := range []Personality{Postfix(), Sendmail()} {
		for i, msg := range s.msgs {
			for _, events := range spread(eventCount(msg)) {
				got, left := s.answerAfterAbort(t, p, msg, events)
				if !left { // the message was over before that event
					break
				}
				want := s.answer(t, fromSameClient(msg, last), As(p))
				if !equal(t, want, got, "on %s, the answer to a message differs after message %d was aborted after %d events", p.Name, i, events) {
					return
				}
			}
		}
	}
}

// fromSameClient returns a copy of msg whose client is the client of first, so
// that msg can follow first on one connection.
func fromSameClient(first, msg *mta.Message) *mta.Message {
	m := *msg
	m.Client, m.Helo = first.Client, first.Helo
	return &m
}

// answerAfterAbort sends the first events of a message and closes the
// connection. On a second connection it sends the same events, aborts the
// message and returns the answer to another message. left is false if the
// message was over before that many events.
func (s *suite) answerAfterAbort(t T, p Personality, msg *mta.Message, events int) (a answer, left bool) {
	t.Helper()
	srv := s.serve(t, As(p))
	defer srv.Close(t)
	broken, conn := srv.Dial(t), srv.Dial(t)
	for _, c := range []*Conn{broken, conn} {
		ended, err := c.SendPart(t.Context(), msg, events)
		if err != nil {
			return answer{text: "the filter failed: " + err.Error(), srv: srv}, true
		}
		if ended {
			return answer{}, false
		}
	}
	_ = broken.Flush(t.Context()) // fails if the filter closed the connection after its final reply
	_ = broken.Close()
	a = send(t, conn, fromSameClient(msg, s.msgs[0]))
	_ = conn.Quit(t.Context())
	return a, true
}

// eventCount returns the number of events of a message before its end.
func eventCount(msg *mta.Message) int {
	const others = 3 // MAIL, DATA and end of header
	n := others + len(msg.Recipients) + len(msg.Header)
	if len(msg.Body) > 0 {
		n++
	}
	return n
}

// bodyCuts sends each body cut in two at each position, and cut into single
// bytes.
func (s *suite) bodyCuts(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		want := s.answer(t, msg)
		for _, cuts := range cutLists(msg.Body) {
			m := *msg
			m.Cuts = cuts
			if !equal(t, want, s.answer(t, &m), "the answer to message %d differs with its body cut at %v", i, cuts[:min(len(cuts), 10)]) {
				break
			}
		}
	}
}

// cutLists returns lists of positions: all positions of a short body, and a
// selection for a long one.
func cutLists(body []byte) (ways [][]int) {
	if len(body) < 2 {
		return nil
	}
	for _, at := range spread(len(body) - 1) {
		if at > 0 {
			ways = append(ways, []int{at})
		}
	}
	for i, b := range body {
		if b == '\r' && len(ways) < 4*maxPlaces { // within a line end and around it
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

// spread returns the numbers from 0 to n, or an evenly spaced selection of
// them.
func spread(n int) (list []int) {
	for i := range min(n, maxPlaces) + 1 {
		list = append(list, i*n/max(min(n, maxPlaces), 1))
	}
	return slices.Compact(list)
}
