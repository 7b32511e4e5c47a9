//go:build integration

package differential_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestServers plays scenarios on real servers. Each server has one filter: a
// relay to the process under test.
func TestServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &server{MTA: start(t)}
			server.listen(t)
			count := newTally()
			for n, played := 0, 0; played < *realRuns && n < 10**realRuns; n++ {
				p := server.play(t, 100_000+n)
				if p == nil || *only >= 0 && n != *only {
					continue
				}
				played++
				count.add(name)
				t.Run(fmt.Sprint(p.number), func(t *testing.T) { server.compare(t, p, count) })
			}
			server.drained(t)
			count.report(t, "the real server")
		})
	}
}

// libmilter sends SMFIR_ACCEPT if a filter accepts at UNKNOWN. Between two
// messages, Postfix's process then dies, and Postfix accepts no connection for
// a minute.
func TestAcceptAtUnknown(t *testing.T) {
	t.Parallel()
	server := &server{MTA: realmta.StartPostfix(t, realmta.PostfixConfig{})}
	server.listen(t)
	p := &play{scenario: generate(0), unknown: true}
	p.orders = orders{action: "accept", at: "unknown"}
	p.messages = []*mta.Message{p.plainMessage(), p.plainMessage()}

	replies := server.run(t, p, ours)["replies"]
	assert.NotContains(t, replies, gone)
	assert.Contains(t, replies, "500 5.5.2")

	assert.Contains(t, server.run(t, p, theirs)["replies"], "500 5.5.2 Error: command not recognized\n250 2.0.0 Ok\n0 "+gone)
	server.AwaitLog(t, "panic: milter8_mail_event")
}

// server is a real MTA. target names the process that is its filter.
type server struct {
	realmta.MTA

	mu      sync.Mutex
	target  *process
	dropped []string // tokens of messages that must not arrive
}

func (s *server) listen(t *testing.T) {
	t.Helper()
	listener := s.Listen(t, "unix")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			target := s.target
			s.mu.Unlock()
			go relay(conn, target)
		}
	}()
	s.SetFilters(t, listener.Addr())
}

// relay copies data between an MTA's connection and the filter's.
func relay(conn net.Conn, target *process) {
	defer func() { _ = conn.Close() }()
	if target == nil {
		return
	}
	filter, err := net.Dial("unix", target.socket)
	if err != nil {
		return
	}
	defer func() { _ = filter.Close() }()
	ended := make(chan struct{}) // closed when the filter has closed its end
	go func() {
		defer close(ended)
		_, _ = io.Copy(conn, filter)
		_ = conn.Close()
		_, _ = io.Copy(io.Discard, filter)
	}()
	_, _ = io.Copy(filter, conn)
	// As in patient, the filter must read all data before it sees the end.
	_ = filter.(*net.UnixConn).CloseWrite()
	select {
	case <-ended:
	case <-time.After(limit):
	}
}

// play returns a scenario whose effects are visible on a real server. It uses
// only what SMTP can transmit.
func (s *server) play(t *testing.T, number int) *play {
	t.Helper()
	p := &play{scenario: generate(number)}
	switch {
	case strings.Contains(p.bodyText, "\rCR"), p.insert.unfolded(), p.change.unfolded():
		return nil // known, and shown by the model
	case p.action == "accept" && p.at == "unknown":
		return nil // see TestAcceptAtUnknown
	}
	if p.body != "" {
		p.body = filepath.Join(t.TempDir(), fmt.Sprint(number))
		require.NoError(t, os.WriteFile(p.body, []byte(p.bodyText), 0o600))
	}
	p.server.Flavor = mta.Postfix
	if s.Name() == "sendmail" {
		p.server.Flavor = mta.Sendmail
	}
	p.messages = []*mta.Message{p.plainMessage()}
	if p.once(40) {
		p.messages = append(p.messages, p.plainMessage())
	}
	p.unknown = p.once(50)
	return p
}

// plainMessage returns a message that arrives unchanged.
func (s *scenario) plainMessage() *mta.Message {
	m := &mta.Message{
		Sender: mta.Address{Addr: s.pick("a@example.org", "", "long.name+tag@example.org")},
		Header: []mta.Field{
			{Name: "From", Value: " a@example.org"},
			{Name: "Date", Value: " Sun, 22 Nov 2026 10:00:00 +0000"},
			{Name: "Message-Id", Value: " <1@example.org>"},
		},
		Body: []byte(s.pick("one line\r\n", "two\r\nlines\r\n", ".\r\n..\r\n", long(70_000))),
	}
	for _, to := range []string{"b1@example.net", "b2@example.net", "b3@example.net"} {
		if to == "b1@example.net" || s.once(50) {
			m.Recipients = append(m.Recipients, mta.Recipient{Addr: to})
		}
	}
	for range s.rand.IntN(5) {
		m.Header = append(m.Header, mta.Field{
			Name: s.pick("Subject", "X-Tag", "x-tag"), Value: s.pick(" plain", " plain", "close", "  far", " folded\n\ttab"),
		})
	}
	return m
}

func (s *server) compare(t *testing.T, p *play, count *tally) {
	t.Helper()
	a, b := s.run(t, p, theirs), s.run(t, p, ours)
	for _, name := range differences(a, b) {
		reason := explain(p, name)
		count.differ(reason)
		if reason == "" {
			t.Errorf("unexplained: %s, with the orders %q", name, p.flags())
			show(t, name, a, b)
		}
	}
}

// run plays the scenario to one filter.
func (s *server) run(t *testing.T, p *play, name string) account {
	t.Helper()
	filter := start(t, name, p.flags())
	defer filter.stop()
	filter.serving(t)
	s.mu.Lock()
	s.target = filter
	s.mu.Unlock()
	a := make(account)
	client := realmta.DialSMTP(t, s.Addr())
	say := a.replies
	if say(client.Greeting()) && say(client.Cmd("EHLO client.example.org")) {
		for i, m := range p.messages {
			s.send(t, a, client, i, m, fmt.Sprintf("%s-%d-%d", name[:6], p.number, i), p)
			if i == 0 && p.unknown {
				say(client.Cmd("FOO bar"))
			}
			say(client.Cmd("RSET"))
		}
	}
	say(client.Cmd("QUIT"))
	client.Close()
	for _, line := range filter.session(t) {
		a.told([]string{variable.ReplaceAllString(line, "...")})
	}
	return a
}

// variable matches what differs between sessions: queue IDs, Sendmail's clock
// and size estimates, ports, and the tokens of messages.
var variable = regexp.MustCompile(
	`\b(?:[0-9A-F]{8,14}|[0-9a-zA-Z]{8}\d{6})\b|\d\d:\d\d:\d\d|127\.0\.0\.1:\d+|SIZE=\d+|(?:filter|testmi)-\d+-\d`)

// gone stands for a reply that is missing because the connection broke.
const gone = "the connection is gone"

// replies records a reply to the client and reports whether to continue. It
// ignores how the connection broke.
func (a account) replies(code int, text string) (ok bool) {
	if code == 0 {
		text = gone
	}
	a["replies"] += fmt.Sprintf("%d %s\n", code, variable.ReplaceAllString(text, "..."))
	return code >= 200 && code < 400
}

// send sends one message and records the message as delivered.
func (s *server) send(t *testing.T, a account, client *realmta.Client, i int, m *mta.Message, token string, p *play) {
	t.Helper()
	say := a.replies
	if !say(client.Cmd("MAIL FROM:<" + m.Sender.Addr + ">")) {
		return
	}
	taken := 0
	for _, r := range m.Recipients {
		if say(client.Cmd("RCPT TO:<" + r.Addr + ">")) {
			taken++
		}
	}
	if taken == 0 || !say(client.Data(text(m, token))) {
		return
	}
	if p.action == "discard" && p.at != "abort" && p.at != "close" {
		s.dropped = append(s.dropped, token)
		return
	}
	got := s.Sink().Await(t, realmta.Containing(token))
	slices.Sort(got.To)
	key := func(name string) string { return fmt.Sprintf("%s %d", name, i) }
	a[key("sender")] = fmt.Sprint(got.From, got.FromArgs)
	a[key("recipients")] = fmt.Sprint(got.To)
	data := strings.ReplaceAll(string(realmta.Comparable(got.WithoutTrace())), token, "TOKEN")
	a[key("header")], a[key("body")], _ = strings.Cut(data, "\r\n\r\n")
}

// text returns the message as it is sent. The token identifies the message and
// is in a field that no order changes.
func text(m *mta.Message, token string) []byte {
	copied := *m
	copied.Header = append(slices.Clone(m.Header), mta.Field{Name: "X-Token", Value: " " + token})
	return copied.Bytes()
}

// drained checks that no message was delivered that a filter had discarded.
func (s *server) drained(t *testing.T) {
	t.Helper()
	time.Sleep(time.Second)
	for _, d := range s.Sink().Delivered() {
		for _, token := range s.dropped {
			require.NotContains(t, string(d.Data), token, "it was discarded")
		}
	}
}
