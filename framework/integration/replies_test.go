//go:build integration

package integration_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

//nolint:gochecknoglobals // a flag is the way to tell a test something
var update = flag.Bool("update", false, "write the tables below testdata anew")

// TestReplies gives every verdict at every stage, once in a session, and shows
// what the client is told and what becomes of its mail.
func TestReplies(t *testing.T) {
	t.Parallel()
	const file = "replies.md"
	shown := map[string]map[string]string{}
	t.Run("servers", func(t *testing.T) {
		for name, start := range realmta.Each(realmta.Config{}) {
			cells := map[string]string{}
			shown[name] = cells
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				mta, g := behind(t, start, "unix")
				began := time.Now()
				told := map[string]*session{}
				for _, row := range rows() {
					r := framework.NewRouter()
					row.register(r)
					g.serve(t, r)
					told[row.key()] = talk(t, mta, fmt.Sprintf("case%d", len(told)), row.stage.name == "unknown")
				}
				settle(mta.Sink())
				for key, s := range told {
					cells[key] = s.cell(mta.Sink().Delivered())
				}
				t.Logf("%s: %d sessions in %v", name, len(told), time.Since(began).Round(time.Millisecond))
			})
		}
	})
	golden(t, file, replyTable(shown))
}

// row is a verdict at a stage.
type row struct {
	stage   stage
	verdict verdict
}

func rows() []row {
	var list []row
	for _, s := range stages() {
		for _, v := range verdicts() {
			if !v.observed || s.observe != nil {
				list = append(list, row{s, v})
			}
		}
	}
	return list
}

func (r row) key() string { return r.stage.name + " | " + r.verdict.name }

func (r row) register(router *framework.Router) {
	register := r.stage.answer
	if r.verdict.observed {
		register = r.stage.observe
	}
	register(router, r.verdict.decide.once())
}

func replyTable(shown map[string]map[string]string) string {
	var b strings.Builder
	b.WriteString("| at | verdict | Postfix | Sendmail |\n|---|---|---|---|\n")
	for _, r := range rows() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.key(), shown["postfix"][r.key()], shown["sendmail"][r.key()])
	}
	return b.String()
}

// session is an SMTP session: two messages over one connection, the first to
// two recipients.
type session struct {
	id    string
	told  []string // what the client did not hope for
	ended bool
	sent  []string // the recipients of messages that were taken
}

// talk holds a session, as far as the MTA lets it.
func talk(t *testing.T, mta realmta.MTA, id string, unknown bool) *session {
	t.Helper()
	s := &session{id: id}
	c := realmta.DialSMTP(t, mta.Addr())
	defer c.Close()
	code, text := c.Greeting()
	if !s.hears("greeting", 220, code, text) {
		return s
	}
	ok := func(command string, want int) bool {
		if s.ended {
			return false
		}
		verb, _, _ := strings.Cut(command, " ")
		code, text := c.Cmd(command)
		return s.hears(verb, want, code, text)
	}
	ok("EHLO client.example.test", 250)
	if unknown {
		ok("NONSENSE", 0)
	}
	for _, message := range [][]string{{s.first(), s.second()}, {s.third()}} {
		s.message(c, ok, message)
		ok("RSET", 250)
	}
	ok("QUIT", 221)
	return s
}

func (s *session) first() string  { return "first." + s.id + "@example.test" }
func (s *session) second() string { return "second." + s.id + "@example.test" }
func (s *session) third() string  { return "third." + s.id + "@example.test" }

func (s *session) message(c *realmta.Client, ok func(string, int) bool, to []string) {
	if !ok("MAIL FROM:<sender@example.org>", 250) {
		return
	}
	taken := slices.DeleteFunc(slices.Clone(to), func(addr string) bool { return !ok("RCPT TO:<"+addr+">", 250) })
	if len(taken) == 0 || !ok("DATA", 354) {
		return
	}
	if err := c.Send([]byte(simple + ".\r\n")); err != nil {
		s.ended = true
		return
	}
	if code, text := c.Reply(); s.hears("message", 250, code, text) {
		s.sent = append(s.sent, taken...)
	}
}

// hears notes a reply that is not the one that was hoped for.
func (s *session) hears(what string, want, code int, text string) bool {
	if code == want {
		return true
	}
	line := fmt.Sprintf("%s: %d %s", what, code, strings.ReplaceAll(text, "\n", " / "))
	if s.ended = code == 0 || code == 421; code == 0 {
		line = what + ": closed"
	}
	line = strings.ReplaceAll(strings.ReplaceAll(line, s.first(), "…"), "|", "\\|")
	s.told = append(s.told, line)
	return false
}

// cell says what the client was told, and which of the messages that were taken
// did not arrive.
func (s *session) cell(arrived []realmta.Delivered) string {
	var there []string
	for _, d := range arrived {
		there = append(there, d.To...)
	}
	var parts []string
	for i, line := range s.told {
		switch {
		case i > 0 && s.told[i-1] == line:
			parts[len(parts)-1] = "twice `" + line + "`"
		default:
			parts = append(parts, "`"+line+"`")
		}
	}
	for _, to := range s.sent {
		if !slices.Contains(there, to) {
			which, _, _ := strings.Cut(to, ".")
			parts = append(parts, which+" dropped")
		}
	}
	var got []string
	for _, to := range []string{s.first(), s.second(), s.third()} {
		if slices.Contains(there, to) {
			which, _, _ := strings.Cut(to, ".")
			got = append(got, which)
		}
	}
	switch len(got) {
	case 0:
		parts = append(parts, "nothing delivered")
	case 3:
		parts = append(parts, "all delivered")
	default:
		parts = append(parts, strings.Join(got, " and ")+" delivered")
	}
	return strings.Join(parts, "; ")
}

// settle waits until nothing has arrived for a second.
func settle(sink *realmta.Sink) {
	const quietFor = time.Second
	for n, since := len(sink.Delivered()), time.Now(); time.Since(since) < quietFor; time.Sleep(10 * time.Millisecond) {
		if now := len(sink.Delivered()); now != n {
			n, since = now, time.Now()
		}
	}
}

// golden compares a text with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run with -update, and read the difference")
}
