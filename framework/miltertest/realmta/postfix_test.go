//go:build integration

package realmta_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

const simple = "From: a@example.org\r\nSubject: s\r\n\r\nHello\r\n"

func TestPostfixChangesNothing(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	tests := map[string]realmta.Message{
		"plain":             {Data: []byte(simple)},
		"one header only":   {Data: []byte("From: a@example.org\r\n\r\n")},
		"no From, no Date":  {Data: []byte("Subject: x\r\n\r\nbody\r\n")},
		"unqualified names": {Data: []byte("From: joe\r\nTo: ann\r\n\r\nbody\r\n")},
		"folded":            {Data: []byte("X-A: one\r\n\ttwo\r\n  three\r\n\r\nbody\r\n")},
		"8-bit":             {FromArgs: "BODY=8BITMIME", Data: []byte("A: b\r\n\r\n\xe4\xf6\xfc\r\n")},
		"dots":              {Data: []byte("A: b\r\n\r\n.\r\n..\r\n.x\r\n")},
		"a long line":       {Data: []byte("A: b\r\n\r\n" + strings.Repeat("x", 3000) + "\r\n")},
		"2 MiB":             {Data: []byte("A: b\r\n\r\n" + strings.Repeat(strings.Repeat("y", 62)+"\r\n", 1<<15))},
		"SMTPUTF8": {
			From: "jörg@example.org", FromArgs: "SMTPUTF8 BODY=8BITMIME", To: []string{"ünï@example.test"},
			Data: []byte("Subject: größe\r\n\r\nGrüße\r\n"),
		},
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m = withEnvelope(m, strings.NewReplacer(" ", "-", ",", "").Replace(name))
			code, text := dial(t, mta.Addr()).Deliver(m)
			require.Equal(t, 250, code, text)
			got := mta.Sink().Await(t, realmta.ToRecipient(m.To[0]))
			assert.True(t, bytes.Equal(m.Data, got.WithoutTrace()), "%.300q", got.Data)
			assert.Contains(t, got.Trace(), "with")
			assert.Equal(t, m.From, got.From)
			assert.Equal(t, m.To, got.To)
		})
	}
}

// TestPostfixInChroot shows what Postfix in a chroot can reach: TCP, and sockets
// below the queue directory that its user may write to.
func TestPostfixInChroot(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Chroot: true})
	outside := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.Chmod(filepath.Dir(outside), 0o755))
	ln, err := net.Listen("unix", outside)
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	require.NoError(t, os.Chmod(outside, 0o666))
	for name, address := range map[string]string{"outside": "unix:" + outside, "none": "unix:milter/none"} {
		mta.SetMilters(t, address)
		code, text := dial(t, mta.Addr()).Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, name))
		assert.Equal(t, 451, code, "%s: %s", name, text)
		mta.AwaitLog(t, "warning: connect to Milter service "+address+": No such file or directory")
	}
	mta.SetMilters(t)
	code, text := dial(t, mta.Addr()).Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "without"))
	assert.Equal(t, 250, code, text)
}

func TestPostfixEnvelope(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
		"smtpd_recipient_restrictions": "check_recipient_access inline:{{nobody@example.test = REJECT unknown here}}",
	}})
	t.Run("100 recipients arrive as one message", func(t *testing.T) {
		var m realmta.Message
		for i := range 100 {
			m.To = append(m.To, strings.Repeat("r", i+1)+"@example.test")
		}
		m.Data = []byte(simple)
		code, text := dial(t, mta.Addr()).Deliver(m)
		require.Equal(t, 250, code, text)
		assert.ElementsMatch(t, m.To, mta.Sink().Await(t, realmta.ToRecipient(m.To[99])).To)
	})
	t.Run("several messages over one connection", func(t *testing.T) {
		c := dial(t, mta.Addr())
		for _, who := range []string{"one", "two", "three"} {
			code, text := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, who))
			require.Equal(t, 250, code, text)
			mta.Sink().Await(t, realmta.ToRecipient(who+"@example.test"))
		}
	})
	t.Run("a refused recipient", func(t *testing.T) {
		c := dial(t, mta.Addr())
		code, text := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "nobody"))
		assert.Equal(t, 554, code)
		assert.Equal(t, "5.7.1 <nobody@example.test>: Recipient address rejected: unknown here", text)
		mta.AwaitLog(t, "reject: RCPT")
		mta.Sink().StaysEmpty(t, realmta.ToRecipient("nobody@example.test"), 200*time.Millisecond)
	})
}

func TestPostfixReconfigure(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for _, banner := range []string{"one", "two", "three", "four", "five"} {
		mta.Reconfigure(t, map[string]string{"smtpd_banner": "banner " + banner})
		_, text := realmta.DialSMTP(t, mta.Addr()).Greeting()
		require.Equal(t, "banner "+banner, text)
	}
}

func TestPostfixAsksItsMilter(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Milters: []string{"unix:milter/early.sock"}})
	early, address := mta.ListenUnix(t, "early.sock")
	assert.Equal(t, "unix:milter/early.sock", address)
	late, address := mta.ListenUnix(t, "late.sock")

	accepted := func(accept func() error) bool {
		done := make(chan error, 1)
		go func() { done <- accept() }()
		go realmta.DialSMTP(t, mta.Addr())
		select {
		case err := <-done:
			return err == nil
		case <-time.After(time.Minute):
			return false
		}
	}
	assert.True(t, accepted(func() error { return closeAccepted(early.Accept()) }))
	mta.SetMilters(t, address)
	assert.True(t, accepted(func() error { return closeAccepted(late.Accept()) }))
}

func TestPostfixLeavesNothing(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("run", func(t *testing.T) {
		mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
		dir = filepath.Dir(mta.ConfigDir())
		dial(t, mta.Addr()) // still open when the server is stopped
		require.NotEmpty(t, processesOf(t, dir))
	})
	assert.Empty(t, processesOf(t, dir))
	assert.NoDirExists(t, dir)
}

// processesOf finds Postfix's processes by the configuration directory in their
// environment.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		if env, err := os.ReadFile(file); err == nil && bytes.Contains(env, []byte(dir+"/")) {
			found = append(found, file)
		}
	}
	return found
}

func withEnvelope(m realmta.Message, who string) realmta.Message {
	if m.From == "" {
		m.From = "sender@example.org"
	}
	if m.To == nil {
		m.To = []string{who + "@example.test"}
	}
	return m
}

func closeAccepted(conn net.Conn, err error) error {
	if err != nil {
		return err
	}
	return conn.Close()
}
