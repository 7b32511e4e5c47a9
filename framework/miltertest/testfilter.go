package miltertest

import (
	"slices"
	"testing"

	"github.com/sluicemail/sluice/framework"
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
