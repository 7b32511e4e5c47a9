//go:build integration

package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/recorder"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// The playground takes content as Postfix takes it: it recognizes the same end, and shows
// the filter the same message.
func TestContentAsPostfix(t *testing.T) {
	t.Parallel()
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{})
	ln, byPostfix := postfix.Listen(t, "tcp"), make(chan string, 1)
	srv, err := framework.NewServer(recorder.New(byPostfix), framework.Config{})
	require.NoError(t, err)
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	postfix.SetFilters(t, ln.Addr())

	byPlayground := make(chan string, 2)
	site := start(t, recorder.New(byPlayground))
	<-byPlayground // the sample

	long := strings.Repeat("x", 50_000)
	for name, content := range map[string]string{
		"short lines":              "Subject: x\r\n\r\nbody\r\n.\r\n",
		"2,000 bytes":              "Subject: x\r\n\r\n" + strings.Repeat("x", 2000) + "\r\n.\r\n",
		"a long line in the body":  "Subject: x\r\n\r\n" + long + "\r\nb\r\n.\r\n",
		"a long field":             "Subject: " + long + "\r\n\r\nbody\r\n.\r\n",
		"a field of 100,000":       "Subject: " + long + long + "\r\n\r\nbody\r\n.\r\n",
		"a long folded field":      "Subject: " + strings.Repeat(strings.Repeat("x", 2000)+"\r\n ", 60) + "y\r\n\r\nbody\r\n.\r\n",
		"ends CR CR LF . CR LF":    "Subject: x\r\n\r\nbody\r\r\n.\r\n",
		"ends CR CR LF . CR CR LF": "Subject: x\r\n\r\nbody\r\r\n.\r\r\n",
		"many CR before the end":   "Subject: x\r\n\r\nbody\r\r\r\r\r\n.\r\n",
		"CR CR LF in the header":   "Subject: x\r\r\nA: b\r\r\n\r\r\nbody\r\n.\r\n",
		"CR CR LF before a dot":    "Subject: x\r\n\r\na\r\r\n..b\r\n.c\r\n.\r\n",
		"LF alone":                 "Subject: x\nA: b\r\n\r\na\nb\r\n.\r\n",
		"CR alone":                 "Subject: x\ry\r\n\r\na\rb\r\r\rc\r\n\r.\r\n.\r\n",
		"a long line with CR":      "Subject: x\r\n\r\n" + long + "\r\r\n.\r\n",
		"fields that are dropped":  "Return-Path: <a>\r\nBcc: b\r\nSubject: x\r\n\r\nbody\r\n.\r\n",
		"a From line":              "From a Thu\r\nSubject: x\r\n\r\nbody\r\n.\r\n",
	} {
		t.Run(name, func(t *testing.T) { // in turn: a filter tells of one message at a time
			sendRaw(t, postfix.Addr(), content)
			sendRaw(t, site.address, content)
			site.next(t)
			assert.Equal(t, within(t, byPostfix), within(t, byPlayground))
		})
	}
}

// sendRaw sends content as it is, and leaves. The server must take the content and the
// command after it.
func sendRaw(t *testing.T, address, content string) {
	t.Helper()
	c := realmta.DialSMTP(t, address)
	for _, command := range []string{"EHLO client.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>", "DATA"} {
		code, text := c.Cmd(command)
		require.Less(t, code, 400, "%s: %s", command, text)
	}
	require.NoError(t, c.Send([]byte(content+"QUIT\r\n")))
	for _, want := range []int{250, 221} {
		code, text := c.Reply()
		require.Equal(t, want, code, text)
	}
}

// within returns what a filter was shown.
func within(t *testing.T, seen <-chan string) string {
	t.Helper()
	select {
	case text := <-seen:
		return text
	case <-time.After(patience):
		require.Fail(t, "the filter was shown no message")
		return ""
	}
}
