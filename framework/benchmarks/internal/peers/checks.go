package peers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// setup is a list of milters for Postfix, with three checks in all.
type setup struct {
	name     string
	server   string
	workload workload.Name
	milters  int // how many servers with this workload
}

func setups() []setup {
	return []setup{
		{name: "no filter"},
		{"3 milters of libmilter", Libmilter, workload.Check, 3},
		{"3 milters of emersion/go-milter", Emersion, workload.Check, 3},
		{"3 milters of Sluice", Sluice, workload.Check, 3},
		{"3 filters of one Sluice, in their handlers", Sluice, workload.Checks, 1},
		{"3 filters of one Sluice, begun in BeforeEndOfMessage", Sluice, workload.ChecksEarly, 1},
		{"3 filters of one Sluice, begun at DATA", Sluice, workload.ChecksData, 1},
		{"3 filters of one Sluice, begun at MAIL", Sluice, workload.ChecksMail, 1},
	}
}

// slowClient is how long a slow client takes from DATA to its message.
const slowClient = 3 * workload.CheckTime

// Checks measures how long a client of one real Postfix waits for the reply to
// its final dot if three filters take CheckTime each. It needs root.
func (b *Bench) Checks(ctx context.Context) (text string, err error) {
	var out strings.Builder
	err = asTest(func(t testing.TB) error {
		t.Helper()
		mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
		for _, network := range b.Networks {
			if err := b.checksOver(ctx, t, mta, network, &out); err != nil {
				return err
			}
		}
		return nil
	})
	return out.String(), err
}

func (b *Bench) checksOver(ctx context.Context, t testing.TB, mta *realmta.Postfix, network string, out *strings.Builder) error {
	t.Helper()
	prompt, slow := make(map[string]samples), make(map[string]samples)
	for n := range b.Rounds {
		b.logf("checks over %s, round %d", network, n+1)
		for _, s := range setups() {
			if s.server != "" && b.bins[s.server] == nil {
				continue
			}
			if err := b.check(ctx, t, mta, s, network, prompt, slow); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(out, "\nOver %s, a client that sends at once:\n\n%s", network, checksTable(prompt))
	fmt.Fprintf(out, "\nOver %s, a client that takes %v after DATA:\n\n%s", network, slowClient, checksTable(slow))
	return nil
}

// check sends messages through one setup, as both kinds of client.
func (b *Bench) check(ctx context.Context, t testing.TB, mta *realmta.Postfix, s setup, network string, prompt, slow map[string]samples) error {
	t.Helper()
	var milters []string
	for range s.milters {
		c, err := b.bins.start(ctx, b.dir, s.server, s.workload, network)
		if err != nil {
			return err
		}
		defer func() { _ = c.stop() }()
		milters = append(milters, c.milter())
	}
	mta.SetMilters(t, milters...)
	for _, client := range []struct {
		takes time.Duration
		into  map[string]samples
	}{{0, prompt}, {slowClient, slow}} {
		conn := realmta.DialSMTP(t, mta.Addr())
		_, _ = conn.Cmd("EHLO client.example.test")
		for n := range b.Messages + 1 {
			took, err := afterDot(conn, client.takes)
			if err != nil {
				return fmt.Errorf("%s over %s: %w\n%s", s.name, network, err, mta.Log())
			}
			if n > 0 { // the first starts Postfix's processes
				client.into[s.name] = append(client.into[s.name], sample{p50: micros(took)})
			}
		}
		conn.Close()
	}
	return ctx.Err()
}

// afterDot sends a message whose client takes a while after DATA, and returns how
// long the reply to the final dot took.
func afterDot(c *realmta.Client, takes time.Duration) (time.Duration, error) {
	for _, line := range []string{"MAIL FROM:<ann@example.org>", "RCPT TO:<bob@example.test>", "DATA"} {
		if code, text := c.Cmd(line); code/100 != 2 && code != 354 {
			return 0, fmt.Errorf("%s: %d %s", line, code, text)
		}
	}
	time.Sleep(takes)
	dot := time.Now()
	if err := c.Send([]byte("Subject: hello\r\n\r\nHow are you?\r\n.\r\n")); err != nil {
		return 0, err
	}
	code, text := c.Reply()
	if code != 250 {
		return 0, fmt.Errorf("the message: %d %s", code, text)
	}
	return time.Since(dot), nil
}

func checksTable(got map[string]samples) string {
	t := newTable("filters", "ms after the dot", "more than without", "longest")
	base := got[setups()[0].name].median(sample.p50Of)
	for _, s := range setups() {
		if list := got[s.name]; len(list) > 0 {
			median := list.median(sample.p50Of)
			longest := slices.MaxFunc(list, func(a, b sample) int { return int(a.p50 - b.p50) })
			t.row(s.name, figure(median/1e3), figure((median-base)/1e3), figure(longest.p50/1e3))
		}
	}
	return t.b.String()
}
