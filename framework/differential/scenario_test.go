//go:build integration

package differential_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// scenario is a set of orders for both filters.
type scenario struct {
	number int
	rand   *rand.Rand
	orders
}

// orders are the flags of a scenario. They are kept separate so that they can
// explain a difference.
type orders struct {
	action, at         string
	body, sender       string
	insert, change     *field
	added, deleted     []string
	unsent, unanswered []string
	macroStage, macros string
	raw, rejected      bool
	verbose            bool
	bodyText           string
}

type field struct {
	index       int
	name, value string
	space       string // before a raw value; a colon for none
}

// flags returns the orders as command-line arguments.
func (o *orders) flags() (args []string) {
	add := func(flag string, values ...string) {
		for _, v := range values {
			if v != "" {
				args = append(args, flag, v)
			}
		}
	}
	for _, f := range []struct {
		flag string
		on   bool
	}{{"-l", o.raw}, {"-r", o.rejected}, {"-v", o.verbose}} {
		if f.on {
			args = append(args, f.flag)
		}
	}
	add("-a", o.action)
	add("-c", o.at)
	add("-b", o.body)
	add("-f", o.sender)
	add("-m", o.macroStage)
	add("-M", o.macros)
	add("-A", o.added...)
	add("-D", o.deleted...)
	add("-n", o.unsent...)
	add("-N", o.unanswered...)
	add("-i", o.insert.order(o.raw))
	add("-h", o.change.order(o.raw))
	return args
}

// order returns the field in the notation of the flags. A raw value includes
// the space after the colon, if there is one.
func (f *field) order(raw bool) string {
	switch {
	case f == nil:
		return ""
	case f.value == "":
		return fmt.Sprintf("%d %s", f.index, f.name)
	case raw:
		return fmt.Sprintf("%d %s%s%s", f.index, f.name, f.space, f.value)
	}
	return fmt.Sprintf("%d %s %s", f.index, f.name, f.value)
}

// The stages that a filter can decline, and the other stages.
var (
	optional = []string{"connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "unknown"}
	stages   = append(slices.Clone(optional), "eom", "eom", "abort", "close")
)

// generate returns the scenario with a number. It is always the same for one
// seed.
func generate(number int) *scenario {
	s := &scenario{number: number, rand: rand.New(rand.NewPCG(*seed, uint64(number)))}
	s.order()
	return s
}

// once returns true with a probability of n percent.
func (s *scenario) once(n int) bool { return s.rand.IntN(100) < n }

func (s *scenario) pick(from ...string) string { return from[s.rand.IntN(len(from))] }

func (s *scenario) order() {
	if s.once(60) {
		s.decide()
	}
	for _, stage := range optional {
		switch {
		case stage == s.at:
		case s.once(10):
			s.unsent = append(s.unsent, stage)
		case s.once(15):
			s.unanswered = append(s.unanswered, stage)
		}
	}
	s.raw, s.verbose = s.once(25), s.once(30)
	s.rejected = s.once(30) && !slices.Contains(s.unsent, "rcpt")
	if s.once(30) {
		s.macroStage = s.pick("connect", "helo", "mail", "rcpt", "data", "eoh", "eom")
		s.macros = s.pick(macrosAt(s.macroStage)...)
	}
	s.modify()
}

// macrosAt returns lists of macros that a filter may choose for a stage: Sluice refuses
// to ask for one before the server has it.
func macrosAt(stage string) []string {
	lists := []string{"j v", "_ {daemon_name} {none}"}
	switch stage {
	case "connect", "helo":
		return lists
	case "mail":
		return append(lists, "i", "{mail_addr} {client_addr}")
	}
	return append(lists, "i", "{mail_addr} {client_addr}", "{rcpt_addr} i {mail_addr} j")
}

// decide adds a verdict to the orders, at a stage that allows it.
func (s *scenario) decide() {
	s.at = s.pick(stages...)
	verdicts := []string{
		"accept", "accept", "tempfail", "reject", "550 5.7.1 not wanted here", "451 4.7.1 later",
		"554 5.7.1 two\nlines", "550 5.7.1 100% sure", "550 5.1.1", "421 4.3.2 go away",
	}
	if !slices.Contains([]string{"connect", "helo", "unknown"}, s.at) {
		verdicts = append(verdicts, "discard", "discard")
	}
	if s.at == "body" {
		verdicts = append(verdicts, "skip", "skip", "skip")
	}
	s.action = s.pick(verdicts...)
}

func (s *scenario) modify() {
	if s.once(25) {
		s.bodyText = s.pick("", "new\n", "one\ntwo", "dots\n.\n..\n", strings.Repeat("a line of a long body\n", 6000), "bare\rCR\n")
		s.body = "BODY" // a file's name, once there is one
	}
	if s.once(25) {
		s.sender = s.pick("<new@example.org>", "new@example.org", "<>", "<new@example.org> RET=HDRS")
	}
	if s.once(40) {
		s.insert = &field{s.pick2(0, 1, 1, 2, 3, 5, 40), s.pick("X-New", "X-Tag", "Subject"), s.value(), s.space()}
	}
	if s.once(40) {
		s.change = &field{s.pick2(0, 1, 1, 2, 3, 7), s.pick("X-Tag", "x-tag", "Subject", "X-None"), s.value(), s.space()}
		if s.once(30) {
			s.change.value = ""
		}
	}
	if s.once(30) {
		s.added = s.some("<added@example.net>", "added@example.net", "b2@example.net", "<two@example.net>")
	}
	if s.once(30) {
		s.deleted = s.some("<b2@example.net>", "<b3@example.net>", "<added@example.net>", "<nobody@example.net>")
	}
}

func (s *scenario) pick2(from ...int) int { return from[s.rand.IntN(len(from))] }

func (s *scenario) value() string {
	return s.pick("value", "value", "folded\n\tvalue", "folded\n value\n  more", "Gr\u00fc\u00dfe", "a:b,c;d \"e\"", "not\nfolded")
}

func (s *scenario) space() string { return s.pick(":", " ", " ", "  ", " \t") }

func (s *scenario) some(from ...string) []string {
	s.rand.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:1+s.rand.IntN(2)]
}
