//go:build integration

package integration_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// lane is a filter with the options that it is mounted with.
type lane struct {
	filter framework.Filter
	opts   []framework.LaneOption
}

// scenario is a list of filters, served as lanes of one process and as milters
// of their own.
type scenario struct {
	name  string
	lanes []lane
}

func three() []lane { return []lane{{filter: rewriter{}}, {filter: adder{}}, {filter: changer{}}} }

// with returns the three filters with one of them changed.
func with(n int, change func(*lane)) []lane {
	lanes := three()
	change(&lanes[n])
	return lanes
}

func scenarios() []scenario {
	list := []scenario{
		{"all three", three()},
		{"in reverse", []lane{{filter: changer{}}, {filter: adder{}}, {filter: rewriter{}}}},
		{"the rewriter on trial", with(0, func(l *lane) { l.opts = []framework.LaneOption{framework.DryRun()} })},
		{"the adder on trial", with(1, func(l *lane) { l.opts = []framework.LaneOption{framework.DryRun()} })},
		{"the changer on trial", with(2, func(l *lane) { l.opts = []framework.LaneOption{framework.DryRun()} })},
	}
	for n, lane := range three() {
		name := lane.filter.Name()
		list = append(list,
			scenario{"the " + name + " fails", with(n, fails())},
			scenario{"the " + name + " fails, open", with(n, fails(framework.FailOpen()))},
			scenario{"the " + name + " fails, with a reply", with(n, fails(framework.FailWith(framework.MustReply(550, "5.7.0", "broken"))))})
		for _, stage := range stages() {
			for _, v := range []verdict{
				{name: "accepts", decide: always(framework.Accept)},
				{name: "refuses", decide: func() (framework.Verdict, error) { return framework.Reply(550, "5.7.1", "the "+name) }},
				{name: "discards", decide: always(framework.Discard)},
				{name: "fails, open", decide: failing},
			} {
				list = append(list, scenario{"the " + name + " " + v.name + " at " + stage.name, with(n, decides(stage, v))})
			}
		}
	}
	return list
}

func fails(opts ...framework.LaneOption) func(*lane) {
	return func(l *lane) { l.filter, l.opts = failingAtEnd{l.filter}, opts }
}

func decides(s stage, v verdict) func(*lane) {
	return func(l *lane) {
		l.filter = deciding{l.filter, s, v.decide}
		if v.name == "fails, open" {
			l.opts = []framework.LaneOption{framework.FailOpen()}
		}
	}
}

// letterForLanes has what each of the three filters looks for.
const letterForLanes = "X-Drop: 1\r\nReceived: from elsewhere\r\nX-Many: 1\r\nFrom: Ann <ann@example.org>\r\nX-Drop: 2\r\n" +
	"Subject: a\r\n\tsubject\r\nX-Many: 2\r\nX-Old:odd  space\r\n\r\nline one\r\n..line two\r\n"

// TestLanes shows that filters deliver the same mail, and say the same to the
// client, whether they are lanes of one process or milters in the MTA's list.
func TestLanes(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, mta := time.Now(), start(t)
			gates := []*gate{openGate(t, mta, "tcp"), openGate(t, mta, "unix"), openGate(t, mta, "tcp")}
			mta.SetFilters(t, gates[0].Addr())
			lanes := record(t, mta, func(s scenario) { serveLanes(t, gates[0], s.lanes) })
			mta.SetFilters(t, gates[0].Addr(), gates[1].Addr(), gates[2].Addr())
			chain := record(t, mta, func(s scenario) {
				for i, g := range gates {
					serveLanes(t, g, s.lanes[i:i+1])
				}
			})
			for _, s := range scenarios() {
				assert.Equal(t, chain[s.name], lanes[s.name], s.name)
			}
			for scenario, facts := range facts() {
				require.Contains(t, lanes, scenario)
				for text, times := range facts {
					assert.Equal(t, times, strings.Count(lanes[scenario], text), "%s: %q in %s", scenario, text, lanes[scenario])
				}
			}
			t.Logf("%s: %v", name, time.Since(began).Round(time.Millisecond))
			counts.Add(t, len(scenarios()), "integration: scenarios of three filters, as lanes and as a chain, "+name)
		})
	}
}

// facts says how often a text is to be found in what a scenario leads to: two
// messages, of which the first is what the special filter is special about.
func facts() map[string]map[string]int {
	const top, count, below = "X-Top: by", "X-Count: 9: X-Top Received X-Many X-Many From", "LINE ONE\r\n.LINE TWO\r\nbelow 11 fields\r\n"
	const refused = "the adder"
	return map[string]map[string]int{
		"all three":                          {top: 2, count: 2, below: 2, "X-Many: the last of 3": 2, "> copy@": 2, "X-Drop": 0, "Subject: [r] a\r\n\tsubject": 4},
		"in reverse":                         {top: 2, count: 0, below: 0, "X-Count: 8: X-Drop": 2, "below 8 fields": 2},
		"the rewriter on trial":              {top: 0, count: 0, "> copy@": 0, "below 10 fields": 2},
		"the adder on trial":                 {top: 2, "X-Count": 0, "below 9 fields": 2},
		"the changer on trial":               {top: 2, count: 2, below: 0, "line one": 2},
		"the rewriter fails":                 {"message: 451 4.3.0 mail filter failed": 2, "---": 0},
		"the rewriter fails, open":           {top: 0, "X-Count: 8: X-Drop": 2, "below 10 fields": 2},
		"the rewriter fails, with a reply":   {"message: 550 5.7.0 broken": 2, "---": 0},
		"the rewriter accepts at connect":    {top: 0, "X-Count: 8": 2},
		"the rewriter accepts at mail":       {top: 1, "X-Count: 8": 1, count: 1, below: 1},
		"the rewriter accepts at rcpt":       {top: 1, "X-Count: 8": 1, count: 1, below: 1},
		"the rewriter fails, open at header": {top: 1, "X-Count: 8": 1, count: 1, below: 1},
		"the adder refuses at mail":          {refused: 1, "---": 1, top: 1},
		"the adder refuses at rcpt":          {refused: 1, "---": 2, top: 2, "copy@example.test second.": 1},
		"the adder refuses at header":        {refused: 1, "---": 1, top: 1},
		"the adder discards at data":         {"---": 1, top: 1, below: 1},
		"the changer refuses at body":        {"the changer": 1, "---": 1, below: 1},
	}
}

// record plays all scenarios and returns what the client heard and what
// arrived, as one text for each.
func record(t *testing.T, mta realmta.MTA, serve func(scenario)) map[string]string {
	t.Helper()
	mta.Sink().Reset()
	told := map[string]*session{}
	for i, s := range scenarios() {
		serve(s)
		told[s.name] = talk(t, mta, fmt.Sprintf("case%d", i), letterForLanes, true)
	}
	settle(mta.Sink())
	texts := map[string]string{}
	for name, s := range told {
		var b strings.Builder
		// Sendmail names the sender in a reply once a filter has changed it,
		// which lanes do later than a chain: at the end of all.
		b.WriteString(strings.ReplaceAll(strings.Join(s.told, "\n"), " rewritten@example.org... ", " ") + "\n")
		for _, d := range s.mine(mta.Sink().Delivered()) {
			fmt.Fprintf(&b, "--- %s -> %s\n%s", d.From, strings.Join(slices.Sorted(slices.Values(d.To)), " "), d.WithoutTrace())
		}
		texts[name] = b.String()
	}
	return texts
}

// mine returns the messages of the session, in the order that they were sent.
func (s *session) mine(all []realmta.Delivered) []realmta.Delivered {
	mark := "." + s.id + "@"
	list := slices.DeleteFunc(slices.Clone(all), func(d realmta.Delivered) bool {
		return !strings.Contains(strings.Join(d.To, " "), mark)
	})
	slices.SortFunc(list, func(a, b realmta.Delivered) int {
		return cmp.Compare(slices.Max(a.To), slices.Max(b.To)) // "copy" is the least
	})
	return list
}

func serveLanes(t *testing.T, g *gate, lanes []lane) {
	t.Helper()
	r := framework.NewRouter()
	for _, l := range lanes {
		r.Mount(l.filter, l.opts...)
	}
	_, err := r.Plan()
	require.NoError(t, err)
	g.serve(t, r)
}
