//go:build integration

package differential_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// account is the compared effects of a filter.
type account map[string]string

// play is a scenario with the mail and the MTA for it. They are the same for
// both filters.
type play struct {
	*scenario
	server   mta.Config
	messages []*mta.Message
	unknown  bool         // a command that the MTA does not know comes between them
	gone     *mta.Message // as does a message that the MTA refuses, or nil
}

func newPlay(t *testing.T, number int) *play {
	t.Helper()
	p := &play{scenario: generate(number)}
	if p.body != "" {
		p.body = filepath.Join(t.TempDir(), "body")
		require.NoError(t, os.WriteFile(p.body, []byte(p.bodyText), 0o600))
	}
	p.server = p.scenario.server()
	p.server.CommandTimeout, p.server.ContentTimeout = limit/5, limit/5
	p.messages = []*mta.Message{p.message()}
	p.unknown = p.once(50)
	if p.once(40) {
		p.gone = p.message()
		p.gone.Recipients = []mta.Recipient{{Addr: "<refused@example.net>", Refusal: "550 5.1.1 no such user"}}
	}
	if p.once(60) {
		p.messages = append(p.messages, p.message())
	}
	return p
}

// run plays the scenario to one filter.
func (p *play) run(t *testing.T, name string) account {
	t.Helper()
	filter := start(t, name, p.flags())
	defer filter.stop()
	a := make(account)
	conn := mta.NewConn(filter.dial(t), p.server)
	if err := conn.Negotiate(t.Context()); err != nil {
		_ = conn.Close()
		a["refused"] = "the negotiation failed"
		return a
	}
	a.negotiated(conn)
	if err := p.talk(t.Context(), a, conn); err != nil {
		a["broken"] = "yes"
		t.Logf("%d: %s: %v", p.number, name, err)
		_ = conn.Close()
	} else {
		_ = conn.Quit(t.Context())
	}
	a.told(filter.session(t))
	return a
}

// refuses plays the scenario to a filter of Sluice that requires an action that is not offered.
// It answers the offer, and refuses the mail.
func (p *play) refuses(t *testing.T) {
	t.Helper()
	filter := start(t, ours, p.flags())
	defer filter.stop()
	conn := mta.NewConn(filter.dial(t), p.server)
	require.NoError(t, conn.Negotiate(t.Context()))
	out, err := conn.Send(t.Context(), p.messages[0])
	require.NoError(t, err)
	require.Contains(t, []mta.Stage{mta.StageConnect, mta.StageMail}, out.DecidedAt, "%q", p.flags())
	require.Equal(t, "SMFIR_REPLYCODE 451 4.3.0 mail filter failed, try again later", out.Verdict.String(), "%q", p.flags())
	require.NoError(t, conn.Quit(t.Context()))
}

// told records the events that the filter printed, by their kind. It ignores
// the output about the filter's own edits, because their effect is compared.
func (a account) told(lines []string) {
	for _, line := range lines {
		kind, _, _ := strings.Cut(line, " ")
		if kind != "failed" {
			a["told "+kind] += line + "\n"
		}
	}
}

func (a account) negotiated(conn *mta.Conn) {
	n, _ := conn.Negotiated()
	a["version"] = fmt.Sprint(n.Version)
	a["actions"] = (n.Actions &^ wire.ActionSetSymList).String() // the lists are compared
	a["protocol"] = n.Protocol.String()
	var lists []string
	for _, l := range n.Macros {
		names := strings.Fields(l.Names)
		if l.Stage == wire.MacroConnect { // Sluice recognises the server by these
			names = slices.DeleteFunc(names, func(name string) bool { return name == "t" || name == "v" })
		}
		slices.Sort(names)
		if len(names) > 0 || l.Stage != wire.MacroConnect {
			lists = append(lists, fmt.Sprintf("%v %v", l.Stage, names))
		}
	}
	slices.Sort(lists)
	a["macros"] = strings.Join(lists, ", ")
}

// talk runs the session until its end.
func (p *play) talk(ctx context.Context, a account, conn *mta.Conn) error {
	for i, m := range p.messages {
		out, err := conn.Send(ctx, m)
		a.enter(i, out)
		if err != nil {
			return err
		}
		if out.Verdict.Final() && (out.DecidedAt == mta.StageConnect || out.DecidedAt == mta.StageHelo) {
			return nil
		}
		if i == 0 {
			if err := p.between(ctx, a, conn); err != nil {
				return err
			}
		}
	}
	return nil
}

// between does what the client does between two messages.
func (p *play) between(ctx context.Context, a account, conn *mta.Conn) error {
	if p.unknown {
		resp, err := conn.Unknown(ctx, "FOO bar")
		a["unknown"] = resp.String()
		if err != nil {
			return err
		}
	}
	if p.gone == nil {
		return nil
	}
	out, err := conn.Send(ctx, p.gone)
	a.enter(9, out)
	return err
}

// enter records the outcome of a message.
func (a account) enter(i int, out *mta.Outcome) {
	if out == nil {
		return
	}
	key := func(name string) string { return fmt.Sprintf("%s %d", name, i) }
	var steps []string
	for _, s := range out.Steps {
		steps = append(steps, fmt.Sprintf("%s %s: %v %v", s.Stage, s.About, s.Origin, s.Response))
	}
	a[key("steps")] = strings.Join(steps, "\n")
	a[key("verdict")] = fmt.Sprintf("%v at %v", out.Verdict, out.DecidedAt)
	if out.Edited != nil {
		a[key("sender")] = fmt.Sprint(out.Edited.Sender)
		a[key("recipients")] = fmt.Sprint(out.Edited.Recipients)
		for _, f := range out.Edited.Header {
			a[key("header")] += f.Name + ":" + f.Value + "\n"
		}
		a[key("body")] = string(out.Edited.Body)
	}
}

// differences returns the names of the fields that differ, without message
// numbers.
func differences(a, b account) (found []string) {
	names := maps.Clone(a)
	maps.Copy(names, b)
	for name := range names {
		if a[name] != b[name] {
			found = append(found, strings.TrimRight(name, " 0123456789"))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestModel(t *testing.T) {
	t.Parallel()
	count := newTally()
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for n := range numbers {
				t.Run(fmt.Sprint(n), func(t *testing.T) { compare(t, newPlay(t, n), count) })
			}
		})
	}
	for n := range *scenarios {
		if *only < 0 || n == *only {
			numbers <- n
		}
	}
	close(numbers)
	workers.Wait()
	count.report(t, "the model")
}

func compare(t *testing.T, p *play, count *tally) {
	t.Helper()
	count.add(p.server.Flavor.String())
	a := p.run(t, theirs)
	if a["refused"] != "" && p.offer().Protocol != 0 {
		p.refuses(t)
		count.differ("a missing action")
		return
	}
	b := p.run(t, ours)
	for _, name := range differences(a, b) {
		reason := explain(p, name)
		count.differ(reason)
		if reason == "" {
			t.Errorf("unexplained: %s, with the orders %q and the offer %+v", name, p.flags(), p.server.Offer)
			show(t, name, a, b)
		}
	}
}

func show(t *testing.T, name string, a, b account) {
	t.Helper()
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, key := range slices.Sorted(maps.Keys(names)) {
		if strings.HasPrefix(key, name) && a[key] != b[key] {
			t.Logf("%s\nlibmilter %q\nSluice    %q", key, brief(a[key]), brief(b[key]))
		}
	}
}

func brief(s string) string {
	if len(s) > 1200 {
		return s[:800] + " ... " + s[len(s)-400:]
	}
	return s
}
