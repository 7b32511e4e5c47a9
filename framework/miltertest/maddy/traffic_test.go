package maddy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//nolint:gochecknoglobals // a flag is the way to tell a test something
var update = flag.Bool("update", false, "write the files below testdata anew")

// assertGolden compares a text with a file below testdata.
func assertGolden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run with -update, and read the difference")
}

// odd is a message in which Maddy shows all that it does to fields.
const odd = "From: Ann <ann@example.org>\r\nMESSAGE-id:<x@example.org>\r\nSubject:  two  spaces\r\n\tand a fold \r\n" +
	"X-Latin: Gr\xfc\xdfe\r\nX-Empty:\r\nBcc: eve@example.test\r\nReturn-Path: <x@example.org>\r\n\r\nHello\r\n.dot\r\nend\r\n"

// session is one SMTP session of a client of Maddy. The name says what it shows.
type session struct {
	name string
	talk func(t *testing.T, c *realmta.Client)
}

func deliver(m realmta.Message) func(*testing.T, *realmta.Client) {
	return func(t *testing.T, c *realmta.Client) {
		t.Helper()
		if m.To == nil {
			m.To = []string{"bob@example.test"}
		}
		m.From = "Ann@Example.org"
		code, text := c.Deliver(m)
		require.Equal(t, 250, code, text)
	}
}

func say(lines ...string) func(*testing.T, *realmta.Client) {
	return func(t *testing.T, c *realmta.Client) {
		t.Helper()
		for _, line := range lines {
			code, text := c.Cmd(line)
			require.Less(t, code, 300, "%s: %s", line, text)
		}
	}
}

func sessions() []session {
	simple := []byte("Subject: x\r\n\r\nx\r\n")
	return []session{
		{"fields, two recipients", deliver(realmta.Message{To: []string{"bob@Example.test", "eve@example.test"}, Data: []byte(odd)})},
		{"arguments of MAIL", deliver(realmta.Message{FromArgs: "SIZE=100 BODY=8BITMIME SMTPUTF8", Data: simple})},
		{"a bounce", say("MAIL FROM:<>", "RCPT TO:<bob@example.test>", "RSET")},
		{"two messages", func(t *testing.T, c *realmta.Client) {
			t.Helper()
			for range 2 {
				deliver(realmta.Message{Data: simple})(t, c)
			}
		}},
		{"no body", deliver(realmta.Message{Data: []byte("Subject: x\r\n\r\n")})},
		{"a body of 150,000 bytes", deliver(realmta.Message{Data: []byte("Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 58)+"\r\n", 2500))})},
		{"an unknown command", func(t *testing.T, c *realmta.Client) {
			t.Helper()
			c.Cmd("NONSENSE")
			deliver(realmta.Message{Data: simple})(t, c)
		}},
		{"MAIL and no RCPT", say("MAIL FROM:<ann@example.org>", "RSET")},
		{"a message given up", say("MAIL FROM:<ann@example.org>", "RCPT TO:<bob@example.test>")},
	}
}

// TestTraffic shows what Maddy sends to a filter that asks for nothing, because Maddy
// offers nothing to ask for. docs/mtas.md tells what the file shows.
func TestTraffic(t *testing.T) {
	t.Parallel()
	b := newBehind(t)
	var all strings.Builder
	for _, s := range sessions() {
		var bodies [][]byte
		r := newRaw(func(c wire.Command) []wire.Reply {
			if body, ok := c.(*wire.Body); ok {
				bodies = append(bodies, append([]byte(nil), body.Chunk...))
			}
			return nil
		})
		b.Serve(r.serve)
		c := b.client(t)
		s.talk(t, c)
		_, _ = c.Cmd("QUIT")
		fmt.Fprintf(&all, "# %s\n%s", s.name, masked(r.traffic()))
		for _, body := range bodies {
			if len(body) < 100 {
				fmt.Fprintf(&all, "# the body: %q\n", body)
			}
		}
		all.WriteString("\n")
	}
	assertGolden(t, "traffic.golden", strings.TrimSuffix(all.String(), "\n"))
}

// TestPersonality proves miltertest.Maddy: it sends messages as the real Maddy did in the
// sessions of TestTraffic.
func TestPersonality(t *testing.T) {
	t.Parallel()
	const simple = "Subject: x\n\nx\n"
	from := func(args ...string) miltertest.MessageOption { return miltertest.From("Ann@Example.org", args...) }
	for name, msg := range map[string]*mta.Message{
		"fields, two recipients":  miltertest.Message(strings.ReplaceAll(odd, "\r", ""), from(), miltertest.To("bob@Example.test", "eve@example.test")),
		"arguments of MAIL":       miltertest.Message(simple, from("SIZE=100", "BODY=8BITMIME", "SMTPUTF8")),
		"no body":                 miltertest.Message("Subject: x\n\n", from()),
		"a body of 150,000 bytes": miltertest.Message("Subject: x\n\n"+strings.Repeat(strings.Repeat("x", 58)+"\n", 2500), from()),
	} {
		msg.Helo, msg.Client.Addr = "client.example.test", "127.0.0.1"
		if name != "fields, two recipients" {
			msg.Recipients = []mta.Recipient{{Addr: "<bob@example.test>"}}
		}
		r := newRaw(nothing)
		mtaEnd, filterEnd := miltertest.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { r.serve(filterEnd) })
		conn := mta.NewConn(mtaEnd, miltertest.Maddy().MTA)
		_, err := conn.Send(t.Context(), msg)
		require.NoError(t, err)
		require.NoError(t, conn.Quit(t.Context()))
		serving.Wait()
		assert.Equal(t, goldenSession(t, name), masked(r.traffic()), name)
	}
}

// goldenSession returns the traffic of one session in traffic.golden.
func goldenSession(t *testing.T, name string) string {
	t.Helper()
	all, err := os.ReadFile(filepath.Join("testdata", "traffic.golden"))
	require.NoError(t, err)
	_, session, ok := strings.Cut(string(all), "# "+name+"\n")
	require.True(t, ok, name)
	session, _, _ = strings.Cut(session, "\n\n")
	var lines strings.Builder
	for line := range strings.Lines(session + "\n") {
		if !strings.HasPrefix(line, "#") && line != "\n" {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// masked replaces what differs between runs: ports and the IDs of messages.
func masked(text string) string {
	text = regexp.MustCompile(`port=\d+`).ReplaceAllString(text, "port=PORT")
	text = regexp.MustCompile(`i="[0-9a-f]{8}"`).ReplaceAllString(text, `i="ID"`)
	return regexp.MustCompile(`msg ID = [0-9a-f]{8}`).ReplaceAllString(text, "msg ID = ID")
}
