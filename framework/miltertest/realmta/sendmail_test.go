//go:build integration

package realmta_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

func TestSendmailChangesNothing(t *testing.T) {
	t.Parallel()
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
	tests := map[string]realmta.Message{
		"plain":             {Data: []byte(simple)},
		"one header only":   {Data: []byte("From: a@example.org\r\n\r\n")},
		"no From, no Date":  {Data: []byte("Subject: x\r\n\r\nbody\r\n")},
		"unqualified names": {Data: []byte("From: joe\r\nTo: ann\r\n\r\nbody\r\n")},
		"display names":     {Data: []byte("From: \"Joe, B\" <joe@x.test> (c)\r\nTo: =?utf-8?q?=C3=B6?= <a@y.test>\r\n\r\nbody\r\n")},
		"folded":            {Data: []byte("X-A: one\r\n\ttwo\r\n  three\r\nSubject: a\r\n\tb\r\n\r\nbody\r\n")},
		"order":             {Data: []byte("X-Z: 1\r\nTo: a@b.test\r\nReceived: by y; a date\r\nX-Z: 2\r\nDate: d\r\n\r\nbody\r\n")},
		"odd spaces":        {Data: []byte("From:joe@x.test\r\nSubject:x\r\nX-A:   y  \r\nX-B:\ty\r\nX-C:\r\nX-D: \r\n\r\nbody\r\n")},
		"8-bit":             {FromArgs: "BODY=8BITMIME", Data: []byte("A: b\r\n\r\n\xe4\xf6\xfc\r\n")},
		"8-bit undeclared":  {Data: []byte("A: b\r\nSubject: \xe4\r\n\r\n\xe4\xf6\xfc\r\n")},
		"dots":              {Data: []byte("A: b\r\n\r\n.\r\n..\r\n.x\r\n")},
		"a From line":       {Data: []byte("A: b\r\n\r\nFrom here\r\n")},
		"a NUL":             {Data: []byte("A: b\r\n\r\nx\x00y\r\n")},
		"no header":         {Data: []byte("\r\nbody\r\n")},
		"a long line":       {Data: []byte("A: b\r\n\r\n" + strings.Repeat("x", 3000) + "\r\n")},
		"a long header":     {Data: []byte("A: " + strings.Repeat("x", realmta.MaxHeaderLine-3) + "\r\n\r\nbody\r\n")},
		"2 MiB":             {Data: []byte("A: b\r\n\r\n" + strings.Repeat(strings.Repeat("y", 62)+"\r\n", 1<<15))},
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m = withEnvelope(m, strings.NewReplacer(" ", "-", ",", "").Replace(name))
			got := delivered(t, mta, m)
			assert.True(t, bytes.Equal(m.Data, got.WithoutTrace()), "%.300q", got.Data)
			assert.Contains(t, got.Trace(), "with ESMTP")
			assert.Equal(t, m.From, got.From)
			assert.Equal(t, m.To, got.To)
		})
	}
}

// Sendmail changes some messages despite its configuration. Comparable evens
// out these changes, except the truncation of long lines.
func TestSendmailChanges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, want string }{
		"addresses":     {"To:  a@b.test ,c@d.test\r\nCc: Ann <a@b.test>,\r\n\te@f.test\r\n\r\n", "To:  a@b.test, c@d.test\r\nCc: Ann <a@b.test>, e@f.test\r\n\r\n"},
		"taken away":    {"To: a\r\nBcc: c@d.test\r\nReturn-Path: <x@y>\r\nContent-Length: 7\r\n\r\nx\r\n", "To: a\r\n\r\nx\r\n"},
		"only Bcc":      {"A: b\r\nBcc: c@d.test\r\n\r\nx\r\n", "A: b\r\nBcc:\r\n\r\nx\r\n"},
		"no body":       {"A: b\r\n", "A: b\r\n\r\n"},
		"too long":      {"A: " + strings.Repeat("x", 4000) + "\r\n\r\n", "A: " + strings.Repeat("x", realmta.MaxHeaderLine-3) + "\r\n\r\n"},
		"a folded long": {"A: x\r\n\t" + strings.Repeat("x", 4000) + "\r\n\r\n", "A: x\r\n\t" + strings.Repeat("x", realmta.MaxHeaderLine-1) + "\r\n\r\n"},
	}
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := delivered(t, mta, withEnvelope(realmta.Message{Data: []byte(tt.data)}, strings.ReplaceAll(name, " ", "-")))
			assert.Equal(t, tt.want, string(got.WithoutTrace()))
			if len(tt.data) < realmta.MaxHeaderLine {
				assert.Equal(t, string(realmta.Comparable([]byte(tt.data))), string(realmta.Comparable(got.WithoutTrace())))
			}
		})
	}
}

func TestPostfixIsComparable(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	m := withEnvelope(realmta.Message{Data: []byte("To:  a@b.test ,c@d.test\r\nBcc: e@f.test\r\nReturn-Path: <x@y>\r\n" +
		"Content-Length: 7\r\nA: " + strings.Repeat("x", 4000) + "\r\n")}, "all")
	got := delivered(t, mta, m)
	assert.Equal(t, string(realmta.Comparable(m.Data)), string(realmta.Comparable(got.WithoutTrace())))
}

func TestSendmailRefuses(t *testing.T) {
	t.Parallel()
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{Rules: []string{
		"SLocal_check_rcpt", "R$*nobody@$*\t$#error $@ 5.1.1 $: \"550 unknown here\"",
	}})
	t.Run("a recipient", func(t *testing.T) {
		t.Parallel()
		code, text := dial(t, mta.Addr()).Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "nobody"))
		assert.Equal(t, 550, code)
		assert.Equal(t, "5.1.1 <nobody@example.test>... unknown here", text)
		mta.AwaitLog(t, "ruleset=check_rcpt, arg1=<nobody@example.test>")
		assert.Contains(t, mta.Trace(), "<<< RCPT TO:<nobody@example.test>")
		mta.Sink().StaysEmpty(t, realmta.ToRecipient("nobody@example.test"), 200*time.Millisecond)
	})
	for name, body := range map[string]string{"a bare LF": "x\ny\r\n", "a bare CR": "x\ry\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _ := dial(t, mta.Addr()).Deliver(withEnvelope(realmta.Message{Data: []byte("A: b\r\n\r\n" + body)}, "bare"))
			assert.Equal(t, 421, code)
		})
	}
	t.Run("SMTPUTF8", func(t *testing.T) {
		t.Parallel()
		code, _ := dial(t, mta.Addr()).Cmd("MAIL FROM:<a@b.test> SMTPUTF8")
		assert.Equal(t, 555, code)
	})
}

func TestSendmailEnvelope(t *testing.T) {
	t.Parallel()
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
	t.Run("100 recipients arrive as one message", func(t *testing.T) {
		var m realmta.Message
		for i := range 100 {
			m.To = append(m.To, "r"+strconv.Itoa(i)+"@example.test")
		}
		m.Data = []byte(simple)
		assert.ElementsMatch(t, m.To, delivered(t, mta, m).To)
	})
	t.Run("several messages over one connection", func(t *testing.T) {
		c := dial(t, mta.Addr())
		for _, who := range []string{"one", "two", "three"} {
			code, text := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, who))
			require.Equal(t, 250, code, text)
			mta.Sink().Await(t, realmta.ToRecipient(who+"@example.test"))
		}
	})
}

func TestSendmailCompletes(t *testing.T) {
	t.Parallel()
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{MailerFlags: "DFM"})
	got := delivered(t, mta, withEnvelope(realmta.Message{Data: []byte("A: b\r\n\r\nx\r\n")}, "all"))
	for _, name := range []string{"Date: ", "From: sender@example.org", "Message-Id: <"} {
		assert.Contains(t, "\r\n"+string(got.WithoutTrace()), "\r\n"+name)
	}
}

func TestSendmailReconfigure(t *testing.T) {
	t.Parallel()
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
	open := dial(t, mta.Addr())
	for _, banner := range []string{"one", "two", "three"} {
		mta.Reconfigure(t, func(cfg *realmta.SendmailConfig) {
			cfg.MC = []string{"define(`confSMTP_LOGIN_MSG', `banner " + banner + "')"}
		})
		_, text := realmta.DialSMTP(t, mta.Addr()).Greeting()
		// Sendmail adds "ESMTP" after the first word.
		require.Equal(t, "banner ESMTP "+banner, text)
	}
	code, text := open.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "open"))
	assert.Equal(t, 250, code, "a connection outlives the daemon: %s", text)
	mta.Sink().Await(t, realmta.ToRecipient("open@example.test"))
}

func TestSendmailLeavesNothing(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("run", func(t *testing.T) {
		mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
		dir = filepath.Dir(mta.ConfigFile())
		dial(t, mta.Addr()) // still open when the server is stopped
		require.NotEmpty(t, commandsWith(t, dir))
	})
	assert.Empty(t, commandsWith(t, dir))
	assert.NoDirExists(t, dir)
}

// commandsWith finds processes by a text in their command line. Sendmail
// overwrites its command line, but its parent shell does not.
func commandsWith(t *testing.T, text string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(text)) {
			found = append(found, file)
		}
	}
	return found
}

// delivered sends a message and returns it as the sink received it.
func delivered(t *testing.T, mta realmta.MTA, m realmta.Message) realmta.Delivered {
	t.Helper()
	code, text := dial(t, mta.Addr()).Deliver(m)
	require.Equal(t, 250, code, text)
	return mta.Sink().Await(t, realmta.ToRecipient(m.To[0]))
}
