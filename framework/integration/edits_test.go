//go:build integration

package integration_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestEdits generates messages and edits for them, and compares the delivered
// messages with those of a simple model.
func TestEdits(t *testing.T) {
	t.Parallel()
	seed, cases := setting(t, "SLUICE_SEED", int(time.Now().UnixNano()%1e9)), setting(t, "SLUICE_CASES", 500)
	t.Logf("SLUICE_SEED=%d SLUICE_CASES=%d", seed, cases)
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, began := start(t), time.Now()
			messages, orders := 0, 0
			for n, network := range networks() {
				g := openGate(t, mta, network)
				mta.SetFilters(t, g.Addr())
				for i, k := range kinds() {
					d := drawer{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(2*i+n))), kind: k, over: network}
					for _, l := range posted(t, mta, g, d, cases/len(kinds())/len(networks())) {
						for messages++; l != nil; l = l.next {
							orders += len(l.orders)
						}
					}
				}
			}
			t.Logf("%s: %v", name, time.Since(began).Round(time.Millisecond))
			counts.Add(t, messages, "integration: random messages edited, "+name)
			counts.Add(t, orders, "integration: random edits of these, "+name)
		})
	}
}

// TestEditsUnusualSendmail configures Sendmail with an additional field that it
// counts and does not show. The framework then cannot know the index of a
// position between two fields, so that the test inserts and renames nothing
// there. It also deletes nothing: after a deletion, an insertion above the
// first remaining field is between two fields for the framework.
func TestEditsUnusualSendmail(t *testing.T) {
	t.Parallel()
	seed := setting(t, "SLUICE_SEED", int(time.Now().UnixNano()%1e9))
	t.Logf("SLUICE_SEED=%d", seed)
	mta, g := behind(t, func(t testing.TB) realmta.MTA {
		t.Helper()
		return realmta.StartSendmail(t, realmta.SendmailConfig{Rules: []string{"H?Z?X-Never: z"}})
	}, "unix")
	for i, k := range kinds() {
		posted(t, mta, g, drawer{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(i))), kind: k, edges: true}, 20)
	}
}

// posted sends letters to a new puppet.
func posted(t *testing.T, mta realmta.MTA, g *gate, d drawer, n int) []*letter {
	t.Helper()
	p := newPuppet(d.kind)
	g.serve(t, p.router())
	return (&post{mta: mta, client: dial(t, mta), puppet: p}).run(t, d, n)
}

// run sends letters over one connection and then checks the delivered messages.
func (p *post) run(t *testing.T, d drawer, n int) []*letter {
	t.Helper()
	var letters []*letter
	wrong := map[*letter]string{}
	for i := range n {
		l := d.letter(fmt.Sprintf("%s%s%d", d.kind.name, d.over, i))
		letters = append(letters, l)
		if code, text := p.send(t, l); code != 250 {
			wrong[l] = fmt.Sprintf("%d %s", code, text)
		}
	}
	for _, l := range letters {
		if wrong[l] == "" {
			wrong[l] = p.verdict(t, l)
		}
	}
	failed := 0
	for _, l := range letters {
		if wrong[l] == "" {
			continue
		}
		if failed++; failed > 3 {
			continue
		}
		small, why := p.shrink(t, l, wrong[l])
		assert.Fail(t, "not what the filter asked for", "%s, %s puppet, letter %s, made small:\n%s%s", p.mta.Name(), d.kind.name, l.id, small, why)
	}
	assert.Zero(t, failed, "letters of %d to the %s puppet", n, d.kind.name)
	return letters
}

// shrink removes parts of a failing letter one by one, as long as the letter
// still fails.
func (p *post) shrink(t *testing.T, l *letter, why string) (*letter, string) {
	t.Helper()
	tries := 0
	for again := true; again; {
		again = false
		for _, smaller := range l.smaller() {
			if tries++; tries > 200 {
				return l, why
			}
			smaller.rename(fmt.Sprintf("%s.s%d", strings.SplitN(l.id, ".", 2)[0], tries))
			if found := p.wrong(t, smaller); found != "" {
				l, why, again = smaller, found, true
				break
			}
		}
	}
	return l, why
}

func (p *post) wrong(t *testing.T, l *letter) string {
	t.Helper()
	if code, text := p.send(t, l); code != 250 {
		return fmt.Sprintf("%d %s", code, text)
	}
	return p.verdict(t, l)
}

// smaller returns the variants of the letter with one part less.
func (l *letter) smaller() []*letter {
	var list []*letter
	for i := range l.orders {
		c := *l
		c.orders = slices.Delete(slices.Clone(l.orders), i, i+1)
		c.early = min(l.early, len(c.orders))
		list = append(list, &c)
	}
	for i := range l.fields {
		if !slices.ContainsFunc(l.orders, func(o order) bool { return o.aims() && o.at == i }) {
			list = append(list, l.without(i))
		}
	}
	if l.body != "" {
		c := *l
		c.body = ""
		list = append(list, &c)
	}
	if l.next == nil {
		return list
	}
	for _, c := range list {
		c.next = c.behind(slices.DeleteFunc(slices.Clone(l.next.orders), func(o order) bool {
			return o.aims() && o.at >= len(c.apply().fields)
		}))
	}
	for i := range l.next.orders {
		c := *l
		c.next = l.behind(slices.Delete(slices.Clone(l.next.orders), i, i+1))
		list = append(list, &c)
	}
	return list
}

// rename gives the letter a different name from the letter that it was derived
// from.
func (l *letter) rename(id string) {
	l.id = id
	l.rcpts = append([]string{id + "@example.test"}, l.rcpts[1:]...)
	if l.next != nil {
		l.next = l.behind(l.next.orders)
	}
}

// aims reports whether the order refers to a field of the message.
func (o order) aims() bool { return o.edits() || o.op == opAbove || o.op == opBelow }

// edits reports whether the order edits a field of the message.
func (o order) edits() bool { return o.op == opChange || o.op == opDelete || o.op == opRename }

func (l *letter) without(at int) *letter {
	c := *l
	c.fields = slices.Delete(slices.Clone(l.fields), at, at+1)
	c.orders = slices.Clone(l.orders)
	for i := range c.orders {
		if c.orders[i].aims() && c.orders[i].at > at {
			c.orders[i].at--
		}
	}
	return &c
}

// serveFilter serves a filter behind a gate, in a separate lane.
func serveFilter(t *testing.T, g *gate, f framework.Filter, opts ...framework.LaneOption) {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(f, opts...)
	g.serve(t, r)
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

func quote(line string) string {
	if len(line) > 100 {
		line = line[:60] + "…" + line[len(line)-20:]
	}
	return strconv.Quote(line)
}
