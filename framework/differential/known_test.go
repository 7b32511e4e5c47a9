//go:build integration

package differential_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// known is an intended difference between the filters. docs/protocol.md gives
// the reason in the section "Where Sluice differs from libmilter".
type known struct {
	name   string
	fields []string           // of an account, that it may change
	when   func(p *play) bool // there may be this difference
}

// outcome lists the fields of an account that differ if only one filter refuses
// a message.
var outcome = []string{"verdict", "steps", "sender", "recipients", "header", "body"}

// everything lists the fields of a session that differ if only one filter
// survives it.
var everything = append([]string{
	"unknown", "told mail", "told rcpt", "told rejected", "told data", "told header", "told eoh", "told body",
	"told eom", "told unknown", "told abort", "told macro",
}, outcome...)

// offer returns what the MTA offers.
func (p *play) offer() mta.Offer {
	switch {
	case p.server.Flavor == mta.Sendmail:
		return mta.SendmailOffer()
	case p.server.Offer == (mta.Offer{}):
		return mta.PostfixOffer(wire.MaxVersion)
	}
	return p.server.Offer
}

func (p *play) anyMessage(is func(*mta.Message) bool) bool {
	return slices.ContainsFunc(p.messages, is)
}

var knownDifferences = []known{
	{
		"macros of the framework's own",
		[]string{"actions", "macros"},
		func(p *play) bool { return p.macros != "" || p.rejected },
	},
	{
		"macros of a stage that is left out",
		[]string{"protocol", "steps"},
		func(p *play) bool { return p.macros != "" && slices.Contains(p.unsent, p.macroStage) },
	},
	{
		"a value that is not folded",
		[]string{"header"},
		func(p *play) bool { return p.insert.unfolded() || p.change.unfolded() },
	},
	{
		"a leading space that is not negotiated",
		[]string{"header"},
		func(p *play) bool {
			return p.raw && !p.offer().Protocol.Has(wire.ProtoHdrLeadSpc) && (p.insert != nil || p.change != nil)
		},
	},
	{
		"a stage that cannot be left out",
		[]string{"protocol", "steps"},
		func(p *play) bool {
			return slices.ContainsFunc(p.unsent, func(stage string) bool { return !p.offer().Protocol.Has(withheld(stage)) })
		},
	},
	{
		"what an edit needs to know",
		[]string{"protocol", "steps"},
		func(p *play) bool {
			leaves := func(stages ...string) bool {
				return slices.ContainsFunc(stages, func(stage string) bool { return slices.Contains(p.unsent, stage) })
			}
			return (p.insert != nil || p.change != nil) && leaves("header") ||
				len(p.added)+len(p.deleted) > 0 && leaves("mail", "rcpt")
		},
	},
	{
		"a recipient that is there already",
		[]string{"actions", "recipients"},
		func(p *play) bool { return len(p.added) > 0 },
	},
	{
		"a bare CR in a body", outcome,
		func(p *play) bool { return strings.Contains(p.bodyText, "\rCR") },
	},
	{
		"a field that is not there",
		[]string{"header"},
		func(p *play) bool {
			return p.change != nil && p.change.value != ""
		},
	},
	{
		"a change after an insertion",
		[]string{"header"},
		func(p *play) bool {
			return p.change != nil && p.insert != nil && strings.EqualFold(p.change.name, p.insert.name)
		},
	},
	{
		"an insertion on Sendmail",
		[]string{"header"},
		func(p *play) bool { return p.server.Flavor == mta.Sendmail && p.insert != nil && p.insert.index > 1 },
	},
	{
		"macros at the end on Sendmail",
		[]string{"told macro"},
		func(p *play) bool { return p.server.Flavor == mta.Sendmail && p.macroStage == "eom" },
	},
	{
		"modifications of a refused message",
		[]string{"replies"},
		func(p *play) bool { return p.server.Flavor == mta.Sendmail && p.sender != "" && p.at == "eom" },
	},
	{
		"a large header field", append([]string{"broken"}, everything...),
		func(p *play) bool {
			return p.anyMessage(func(m *mta.Message) bool {
				return slices.ContainsFunc(m.Header, func(f mta.Field) bool { return len(f.Value) > 65_000 })
			})
		},
	},
	{
		"an empty header without its end", append([]string{"broken"}, everything...),
		func(p *play) bool {
			return slices.Contains(p.unsent, "eoh") && !slices.Contains(p.unsent, "header") && p.anyMessage(func(m *mta.Message) bool { return len(m.Header) == 0 })
		},
	},
	{
		"skip that was not offered", append([]string{"broken"}, everything...),
		func(p *play) bool {
			return p.action == "skip" && p.server.Flavor == mta.Postfix && !p.offer().Protocol.Has(wire.ProtoSkip)
		},
	},
	{
		"macros of RCPT beside the framework's own",
		[]string{"told macro"},
		func(p *play) bool { return p.rejected && p.macros != "" && p.macroStage != "rcpt" },
	},
	{
		"an accept at UNKNOWN", everything,
		func(p *play) bool { return p.action == "accept" && p.at == "unknown" && p.unknown },
	},
	{
		"aborts after a verdict at RCPT",
		[]string{"told abort"},
		func(p *play) bool { return p.action != "" && p.at == "rcpt" },
	},
	{
		"an offer without protocol bits",
		append([]string{"refused", "version", "actions", "protocol", "macros", "told connect", "told helo", "told close"}, everything...),
		func(p *play) bool { return p.offer().Protocol == 0 },
	},
	{
		"DATA below version 4",
		[]string{"told data"},
		func(p *play) bool { return p.offer().Version < 4 },
	},
	{
		"macros of DATA below version 4",
		[]string{"told macro"},
		func(p *play) bool { return p.offer().Version < 4 && p.macroStage == "data" },
	},
	{
		"a verdict at DATA below version 4", everything,
		func(p *play) bool { return p.offer().Version < 4 && p.at == "data" },
	},
	{
		"aborts without a message",
		[]string{"told abort"},
		func(p *play) bool {
			return p.unknown || slices.Contains(p.unsent, "mail") || slices.Contains(p.unsent, "unknown")
		},
	},
	{
		"no abort of a message that 421 ends",
		[]string{"told abort"},
		func(p *play) bool { return strings.HasPrefix(p.action, "421") },
	},
}

// withheld returns the bit with which a filter declines a stage.
func withheld(stage string) wire.Protocol {
	return map[string]wire.Protocol{
		"connect": wire.ProtoNoConnect, "helo": wire.ProtoNoHelo, "mail": wire.ProtoNoMail, "rcpt": wire.ProtoNoRcpt,
		"data": wire.ProtoNoData, "header": wire.ProtoNoHdrs, "eoh": wire.ProtoNoEOH, "body": wire.ProtoNoBody,
		"unknown": wire.ProtoNoUnknown,
	}[stage]
}

// unfolded reports whether the value has a line that is not a continuation
// line.
func (f *field) unfolded() bool { return f != nil && strings.Contains(f.value, "not\nfolded") }

// explain returns the name of the known difference that affects a field of the
// account in a scenario, or "".
func explain(p *play, field string) string {
	for _, k := range knownDifferences {
		if slices.Contains(k.fields, field) && k.when(p) {
			return k.name
		}
	}
	return ""
}

// tally counts scenarios and differences.
type tally struct {
	mu      sync.Mutex
	played  map[string]int
	reasons map[string]int
}

func newTally() *tally { return &tally{played: map[string]int{}, reasons: map[string]int{}} }

func (c *tally) add(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.played[server]++
}

func (c *tally) differ(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reasons[reason]++
}

// report logs the counts and fails the test if a difference is unexplained.
func (c *tally) report(t *testing.T, where string) {
	t.Helper()
	for _, server := range slices.Sorted(maps.Keys(c.played)) {
		counts.Add(t, c.played[server], "differential: scenarios, "+server+" by "+where)
	}
	explained := 0
	for _, reason := range slices.Sorted(maps.Keys(c.reasons)) {
		if reason != "" {
			explained += c.reasons[reason]
		}
		t.Logf("%s: %d differences by %q", where, c.reasons[reason], reason)
	}
	counts.Add(t, explained, "differential: differences from libmilter that docs/protocol.md explains, by "+where)
	counts.Add(t, c.reasons[""], "differential: differences from libmilter that are unexplained, by "+where)
	assert.Zero(t, c.reasons[""], "unexplained differences")
}
