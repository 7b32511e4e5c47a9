package main_test

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	playground "github.com/sluicemail/sluice/examples/playground"
	"github.com/sluicemail/sluice/framework"
)

func TestLineEnds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                              "",
		"a\r\nb\r\n":                    "a\r\nb\r\n",
		"a\r\r\n.\r\n":                  "a\r\n.\r\n",
		"a\r\r\r\r\n.\r\r\n":            "a\r\n.\r\n",
		"a\nb\n":                        "a\nb\n",
		"a\rb\r\rc\r\n":                 "a\rb\r\rc\r\n",
		"\r\r\n\r\r\n":                  "\r\n\r\n",
		"\r\ra\r\n":                     "\r\ra\r\n",
		strings.Repeat("x\r\r\n", 5000): strings.Repeat("x\r\n", 5000),
	} {
		for name, read := range map[string]func(io.Reader) io.Reader{
			"whole":          func(r io.Reader) io.Reader { return r },
			"bytes":          iotest.OneByteReader,
			"halves":         iotest.HalfReader,
			"with the error": iotest.DataErrReader,
		} {
			got, err := io.ReadAll(&playground.Content{Reader: read(strings.NewReader(in))})
			require.NoError(t, err)
			assert.Equal(t, want, string(got), "%q, %s", in, name)
		}
	}
}

// Content that the SMTP library alone would refuse, or wait for.
func TestContentTaken(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
	s := start(t, r)
	long := strings.Repeat("x", 100_000)
	for name, c := range map[string]struct{ content, kept string }{
		"a long line":         {"A: b\r\n\r\n" + long + "\r\n.\r\n", "A: b\n\n" + long + "\n"},
		"CR CR LF . CR LF":    {"A: b\r\n\r\nc\r\r\n.\r\n", "A: b\n\nc\n"},
		"both":                {"A: b\r\n\r\n" + long + "\r\r\n.\r\n", "A: b\n\n" + long + "\n"},
		"dots after CR CR LF": {"A: b\r\r\n\r\r\n..\r\r\n...\r\r\n.\r\r\n", "A: b\n\n.\n..\n"},
	} {
		t.Run(name, func(t *testing.T) { // in turn: they share the folder
			conn := dial(t, s.address)
			conn.say("EHLO " + me)
			conn.say("MAIL FROM:<a@example.com>")
			conn.say("RCPT TO:<b@example.test>")
			require.Contains(t, conn.say("DATA"), "354 ")
			_, err := conn.W.WriteString(c.content)
			require.NoError(t, err)
			assert.Contains(t, conn.say("NOOP"), "250 ", "the content")
			assert.Contains(t, conn.reply(), "250 ", "the command after it")
			s.next(t)
			kept := s.kept(t, "")
			s.empty(t)
			require.Len(t, kept, 1)
			assert.Equal(t, envelope("a@example.com", "b@example.test")+c.kept, strings.ReplaceAll(kept[0], "\r\n", "\n"))
		})
	}
}

// Some clients send DATA and the content at once.
func TestContentInOneSegment(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
	s := start(t, r)
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct{ content, kept string }{
		"LF ends":          {"A: b\r\n\r\nc\r\n.\r\n", "A: b\n\nc\n"},
		"CR CR LF . CR LF": {"A: b\r\r\n\r\r\nc\r\r\n.\r\r\n", "A: b\n\nc\n"},
		"a long line":      {"A: b\r\n\r\n" + long + "\r\n.\r\n", "A: b\n\n" + long + "\n"},
	} {
		t.Run(name, func(t *testing.T) { // in turn: they share the folder
			conn := dial(t, s.address)
			conn.say("EHLO " + me)
			conn.say("MAIL FROM:<a@example.com>")
			conn.say("RCPT TO:<b@example.test>")
			assert.Contains(t, conn.say("data\r\n"+strings.TrimSuffix(c.content, "\r\n")), "354 ")
			assert.Contains(t, conn.reply(), "250 ")
			s.next(t)
			kept := s.kept(t, "")
			s.empty(t)
			require.Len(t, kept, 1)
			assert.Equal(t, envelope("a@example.com", "b@example.test")+c.kept, strings.ReplaceAll(kept[0], "\r\n", "\n"))
			assert.Contains(t, conn.say("NOOP"), "250 ", "commands go on")
		})
	}
	conn := dial(t, s.address)
	conn.say("EHLO " + me)
	assert.Contains(t, conn.say("DATA\r\nNOOP"), "502 ", "no recipient")
	assert.Contains(t, conn.reply(), "250 ", "what follows is a command")
	assert.Contains(t, conn.say("NOOP "+long), "500 ")
}

// A command line has a limit, and a longer one does not reach the filter.
func TestLongCommands(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	r := framework.NewRouter()
	r.ObserveHelo(func(*framework.Session, *framework.Helo) error { seen.Add(1); return nil })
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		seen.Add(1)
		return framework.Continue, nil
	})
	s := start(t, r)
	before := seen.Load()
	huge := strings.Repeat("x", 3_000_000)
	for name, line := range map[string]string{
		"EHLO":                 "EHLO " + huge,
		"MAIL":                 "MAIL FROM:<" + huge + "@example.com>",
		"MAIL, with arguments": "MAIL FROM:<a@example.com> " + huge,
		"NOOP":                 "NOOP " + huge,
		"no command":           huge,
		"one byte too long":    "NOOP " + huge[:2044],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, s.address)
			go func() { _, _ = conn.W.WriteString(line + "\r\n"); _ = conn.W.Flush() }() // fails once the server closes
			assert.Contains(t, conn.reply(), "500 ")
		})
	}
	conn := dial(t, s.address)
	assert.Contains(t, conn.say("NOOP "+huge[:2042]), "250 ", "the limit, with CR")
	conn.say("EHLO " + me)
	conn.say("MAIL FROM:<a@example.com>")
	assert.Contains(t, conn.say("BDAT 5000\r\n"+huge[:4998]), "502 ", "a chunk is no line, even if it is refused")
	assert.Contains(t, conn.say("RCPT TO:<b@example.test>"), "250 ")
	assert.Contains(t, conn.chunk("A: b\r\n\r\n"+huge[:5000], ""), "250 ", "nor if it is taken")
	assert.Contains(t, conn.chunk(huge[:5000]+"\r\n", " LAST"), "250 ")
	assert.Equal(t, before+2, seen.Load(), "the filter sees only the last session")
}

// The number of bytes of a chunk counts, whatever its line ends.
func TestChunkWithTwoCR(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
	s := start(t, r)
	conn := dial(t, s.address)
	conn.say("EHLO " + me)
	conn.say("MAIL FROM:<a@example.com>")
	conn.say("RCPT TO:<b@example.test>")
	assert.Contains(t, conn.chunk("A: b\r\r\n\r\r\nc\r\r\n", " LAST"), "250 ")
	s.next(t)
	assert.Equal(t, []string{envelope("a@example.com", "b@example.test") + "A: b\n\nc\n"}, s.kept(t, ""))
}
