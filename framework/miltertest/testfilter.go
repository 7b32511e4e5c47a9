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
//   - Maddy: handlers do not fail on [Maddy], if it grants what the filter requires. The
//     answers may differ, because Maddy shows less. The subtest has the name "on Maddy".
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
		{"on Maddy", s.onMaddy},
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

// fromSameClient returns a copy of msg whose client is the client of first, so
// that msg can follow first on one connection.
func fromSameClient(first, msg *mta.Message) *mta.Message {
	m := *msg
	m.Client, m.Helo = first.Client, first.Helo
	return &m
}
