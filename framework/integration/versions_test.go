//go:build integration

package integration_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// diary is a filter that answers at every stage, and notes that it did.
type diary struct {
	mu    sync.Mutex
	notes []string
}

func (*diary) Name() string { return "diary" }

func (d *diary) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	for _, s := range stages() {
		s.answer(r, func() (framework.Verdict, error) {
			d.note(s.name)
			return framework.Continue, nil
		})
	}
	r.ObserveAbort(func(*framework.Session, *framework.Abort) error { d.note("abort"); return nil })
	r.ObserveClose(func(*framework.Session, *framework.Close) error { d.note("close"); return nil })
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Diary", "seen")
	})
	return nil
}

func (d *diary) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, what)
}

func (d *diary) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.notes, ", ")
}

// TestOldVersions has Postfix speak older versions of the protocol over both
// networks, with a filter that wants all it can get and with one that wants
// little.
func TestOldVersions(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for _, network := range networks() {
		g := openGate(t, mta, network)
		mta.SetFilters(t, g.Addr())
		for _, version := range []string{"2", "3", "4", "6"} {
			mta.Reconfigure(t, map[string]string{"milter_protocol": version})
			t.Run(network+", version "+version, func(t *testing.T) { testVersion(t, mta, g, network, version) })
		}
	}
}

func testVersion(t *testing.T, mta realmta.MTA, g *gate, network, version string) {
	t.Helper()
	const message = "mail, rcpt, rcpt, data, header, header, end of headers, body, end of message, "
	const all = "connect, helo, unknown, " + message + message + "mail, rcpt, abort, mail, abort, close"
	t.Run("everything", func(t *testing.T) {
		d := new(diary)
		serveFilter(t, g, d)
		exchange(t, mta, "\r\nX-Diary: seen\r\n")
		want := all
		if version == "2" {
			want = strings.Replace(all, "unknown, ", "", 1)
		}
		assert.Eventually(t, func() bool { return strings.HasSuffix(d.text(), "close") }, limit, tick)
		assert.Equal(t, want, d.text())
	})
	t.Run("little", func(t *testing.T) {
		serveFilter(t, g, &ender{name: "little", do: func(s *framework.Session, e *ender) (framework.Verdict, error) {
			return framework.Continue, e.header.Append(s, "X-Little", "seen")
		}})
		exchange(t, mta, "\r\nX-Little: seen\r\n")
	})
	for i, k := range kinds() {
		if k.raw && version != "6" {
			k.raw, k.denied = false, true
		}
		t.Run("edits, "+k.name, func(t *testing.T) {
			p := newPuppet(k, framework.Optional())
			g.serve(t, p.router())
			d := drawer{Rand: rand.New(rand.NewPCG(3, uint64(i))), kind: k, old: true, over: network + version}
			(&post{mta: mta, client: dial(t, mta), puppet: p}).run(t, d, 10)
		})
	}
}

// exchange sends two messages over one connection, gives up a third, and
// breaks off in a fourth. What was added must be in those that arrive.
func exchange(t *testing.T, mta realmta.MTA, added string) {
	t.Helper()
	mta.Sink().Reset()
	c := dial(t, mta)
	c.Cmd("NONSENSE")
	for range 2 {
		code, text := c.Deliver(realmta.Message{
			From: "a@example.org", To: []string{"b@example.test", "c@example.test"}, Data: []byte(simple),
		})
		require.Equal(t, 250, code, text)
	}
	for _, line := range []string{"MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>", "RSET", "MAIL FROM:<a@example.org>"} {
		code, text := c.Cmd(line)
		require.Equal(t, 250, code, text)
	}
	c.Close()
	for _, d := range mta.Sink().Wait(t, 2) {
		assert.Contains(t, string(d.Data), added)
		assert.ElementsMatch(t, []string{"b@example.test", "c@example.test"}, d.To)
	}
}
