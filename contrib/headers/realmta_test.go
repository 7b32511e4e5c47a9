//go:build integration

package headers_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// behind is a real MTA whose filter can be replaced for each SMTP session. The
// filter that is current when the MTA connects serves the connection.
type behind struct {
	*realmta.Gate
	mta      realmta.MTA
	server   *framework.Server // the last that was put there
	messages int
}

// newBehind starts an MTA with a filter. Postfix accepts XCLIENT for the
// address of the client.
func newBehind(t *testing.T, mta realmta.MTA) *behind {
	t.Helper()
	b := &behind{mta: mta}
	if p, ok := mta.(*realmta.Postfix); ok {
		p.Reconfigure(t, map[string]string{
			"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
			"mynetworks":                     "0.0.0.0/0", // of XCLIENT
		})
	}
	b.Gate = realmta.OpenGate(t, mta.Listen(t, "unix"))
	t.Cleanup(func() { _ = b.server.Close() })
	mta.SetFilters(t, b.Addr())
	return b
}

// use serves filters from now on, in lanes.
func (b *behind) use(t *testing.T, filters ...framework.Filter) {
	t.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	srv, err := framework.NewServer(r, framework.Config{})
	require.NoError(t, err)
	old := b.server
	b.server = srv
	b.Serve(srv.ServeConn)
	if old != nil {
		require.NoError(t, old.Close())
	}
}

// session is what a client sends before a message.
type session struct {
	xclient string // Postfix alone takes it
	helo    string
	from    string
	args    string
	to      []string
}

// send sends a message in a separate session. It returns the reply and, if the
// message was delivered, the message without the MTA's own Received field and
// with lines that end in LF.
func (b *behind) send(t *testing.T, s session, data string) (code int, text, delivered string) {
	t.Helper()
	return b.sendAt(t, b.mta.Addr(), s, data)
}

// sendAt is send by way of another address.
func (b *behind) sendAt(t *testing.T, addr string, s session, data string) (code int, text, delivered string) {
	t.Helper()
	b.messages++
	to := "m" + strconv.Itoa(b.messages) + "@example.test"
	c := realmta.DialSMTP(t, addr)
	defer c.Close()
	helo := s.helo
	if helo == "" {
		helo = "client.example.test"
	}
	say := func(line string) {
		code, text := c.Cmd(line)
		require.Less(t, code, 400, "%s: %s", line, text)
	}
	say("EHLO " + helo)
	if s.xclient != "" {
		say("XCLIENT " + s.xclient)
		say("EHLO " + helo)
	}
	code, text = c.Deliver(realmta.Message{
		From: s.from, FromArgs: s.args, To: append(s.to, to),
		Data: []byte(strings.ReplaceAll(data, "\n", "\r\n")),
	})
	if code != 250 {
		return code, text, ""
	}
	got := b.mta.Sink().Await(t, realmta.ToRecipient(to))
	return code, text, string(got.WithoutTrace())
}

func compared(text string) string {
	text = string(realmta.Comparable([]byte(strings.ReplaceAll(text, "\n", "\r\n"))))
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// TestActionsBehindMTAs runs the table of TestActions behind real MTAs.
func TestActionsBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for name, c := range actionTests() {
				b.use(t, parsed(t, c.yaml()))
				code, text, got := b.send(t, session{from: "a@example.org"}, c.header+"\nbody\n")
				require.Equal(t, 250, code, "%s: %s", name, text)
				got = strings.ReplaceAll(got, "\r\n", "\n")
				assert.Equal(t, compared(c.want+"\nbody\n"), compared(got), name)
			}
		})
	}
}

// TestContentBehindMTAs runs the table of TestContentConditions behind real
// MTAs.
func TestContentBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for name, c := range contentTests() {
				if strings.Contains(c.holds, "\r") {
					continue // the MTAs do not pass a bare CR on as it is
				}
				if c.holds == "From: \n" && b.mta.Name() == "sendmail" {
					continue // which does not show it, and leaves it out
				}
				rules := "rules: [{when: {" + c.when + "}, do: [{reject: it holds}]}]"
				assert.Equal(t, b.delivered(t, "rules: []", c.fails), b.delivered(t, rules, c.fails), name)
				code, text, _ := b.send(t, session{from: "a@example.org"}, c.holds+"\nbody\n")
				assert.Equal(t, 550, code, "%s: %s", name, text)
			}
		})
	}
}

// TestSessionsBehindMTAs tests conditions on the session and the envelope.
func TestSessionsBehindMTAs(t *testing.T) {
	t.Parallel()
	from := session{from: "ann@example.org"}
	tests := map[string]struct {
		when         string
		holds, fails session
		postfix      bool // can be had of Postfix alone
	}{
		"client":            {"client: 10.0.0.0/8", session{xclient: "ADDR=10.1.2.3"}, session{xclient: "ADDR=11.1.2.3"}, true},
		"client here":       {"client: 127.0.0.1", from, session{xclient: "ADDR=127.0.0.2"}, true},
		"authenticated":     {"authenticated: true", session{xclient: "LOGIN=ann"}, from, true},
		"sender":            {"sender: [example.org, .example.net]", from, session{from: "ann@example.net"}, false},
		"sender of bounces": {"sender: <>", session{}, from, false},
		"sender matches":    {"sender: {match: ^a}", from, session{from: "bob@example.org"}, false},
		"recipient":         {"recipient: x@example.com", session{to: []string{"X@Example.com"}}, session{to: []string{"y@example.com"}}, false},
		"helo":              {"helo: ^mail", session{helo: "mail.example"}, from, false},
		"macro":             {"any: [{macro: {name: j, match: '^other'}}, {macro: {name: mail_addr, match: ann}}]", from, session{from: "bob@example.org"}, false},
		"size":              {"size: {over: 100000}", from, session{}, false},
		"all":               {"{sender: example.org, recipient: example.com}", session{from: "a@example.org", to: []string{"b@example.com"}}, from, false},
		"any":               {"any: [{sender: example.org}, {recipient: example.com}]", session{to: []string{"b@example.com"}}, session{}, false},
		"not":               {"not: {sender: example.org}", session{}, from, false},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for name, c := range tests {
				if c.postfix && b.mta.Name() != "postfix" {
					continue // it has no XCLIENT: see TestClientsBehindMTAs, TestAuthenticatedBehindSendmail
				}
				when := c.when
				if when[0] != '{' {
					when = "{" + when + "}"
				}
				body := "hello\n"
				if name == "size" {
					body = strings.Repeat(strings.Repeat("x", 70)+"\n", 1500)
				}
				b.use(t, parsed(t, "rules: [{when: "+when+", do: [{reject: it holds}]}]"))
				code, text, _ := b.send(t, c.holds, "A: 1\n\n"+body)
				assert.Equal(t, 550, code, "%s: %s", name, text)
				code, text, got := b.send(t, c.fails, "A: 1\n\nhello\n")
				assert.Equal(t, 250, code, "%s: %s", name, text)
				assert.Equal(t, "A: 1\r\n\r\nhello\r\n", got, name)
			}
			b.use(t, parsed(t, "rules: [{when: {client: 127.0.0.0/8, authenticated: false, not: {client: 10.0.0.0/8}}, do: [{reject: here}]}]"))
			code, text, _ := b.send(t, from, "A: 1\n\nhello\n")
			assert.Equal(t, 550, code, text)
			assert.Equal(t, "5.7.1 here", text)
			b.use(t, parsed(t, "rules: [{when: {sender: {match: '@(.+)'}}, do: [{reject: {code: 451, text: '{{ .Match 1 }} may not use {{ .Helo }}: 100% {{ .Rule }}'}}]}]"))
			code, text, _ = b.send(t, session{from: "ann@example.org", helo: "me.example"}, "A: 1\n\nhello\n")
			assert.Equal(t, 451, code, text)
			assert.Equal(t, "4.7.1 example.org may not use me.example: 100% rule 1", text)
		})
	}
}

// TestFactsBehindMTAs renders templates with the facts that the MTAs send.
func TestFactsBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, `
rules:
- do:
  - add: {name: X-Client, value: '{{ .Client.Addr }}'}
  - add: {name: X-Helo, value: '{{ .Helo | upper }}'}
  - add: {name: X-Envelope, value: '{{ .Sender }} to {{ .Recipients }}'}
  - add: {name: X-Auth, value: '{{ .Auth | default "nobody" }}'}
  - add: {name: X-Id, value: '{{ if .QueueID }}has one{{ else }}has none{{ end }}'}
  - add: {name: X-Host, value: '{{ .Macro "j" }}'}
`))
			code, text, got := b.send(t, session{from: "ann@example.org", helo: "me.example", to: []string{"bob@example.com"}}, "A: 1\n\nhello\n")
			require.Equal(t, 250, code, text)
			assert.Equal(t, strings.Join([]string{
				"A: 1", "X-Client: 127.0.0.1", "X-Helo: ME.EXAMPLE", "X-Envelope: ann@example.org to bob@example.com, m1@example.test",
				"X-Auth: nobody", "X-Id: has one", "X-Host: " + realmta.Hostname, "", "hello", "",
			}, "\r\n"), got)
		})
	}
}

// TestQuarantineBehindMTAs checks that a quarantined message is held and not
// delivered.
func TestQuarantineBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, "rules: [{name: r, do: [{quarantine: 'held {{ .Sender }}'}]}]"))
			c := realmta.DialSMTP(t, b.mta.Addr())
			_, _ = c.Cmd("EHLO client.example.test")
			code, text := c.Deliver(realmta.Message{From: "a@example.org", To: []string{"held@example.test"}, Data: []byte("A: 1\r\n\r\nx\r\n")})
			require.Equal(t, 250, code, text)
			switch mta := b.mta.(type) {
			case *realmta.Postfix:
				reason := "milter triggers HOLD action" // Postfix 3.7 keeps the filter's reason to itself
				if realmta.AtLeast(mta, "3.10") {
					reason = "held a@example.org"
				}
				mta.AwaitLog(t, "milter-hold: END-OF-MESSAGE from localhost[127.0.0.1]: "+reason+";")
				held, err := filepath.Glob(filepath.Join(mta.QueueDir(), "hold", "*"))
				require.NoError(t, err)
				assert.Len(t, held, 1)
			case *realmta.Sendmail:
				mta.AwaitLog(t, "held a@example.org")
				held, err := filepath.Glob(filepath.Join(mta.QueueDir(), "hf*"))
				require.NoError(t, err)
				assert.Len(t, held, 1)
			}
			b.mta.Sink().StaysEmpty(t, realmta.ToRecipient("held@example.test"), time.Second)
		})
	}
}
