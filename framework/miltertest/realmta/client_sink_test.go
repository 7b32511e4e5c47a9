package realmta_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// These tests connect the client directly to the sink, so that a fault in
// either is not mistaken for a fault of Postfix.
func TestClientToSink(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, want string }{
		"plain":            {"A: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n"},
		"dots":             {".a\r\n..b\r\n.\r\n", ".a\r\n..b\r\n.\r\n"},
		"a line end added": {"A: b", "A: b\r\n"},
		"empty":            {"", ""},
		"8-bit":            {"A: \xff\r\n\r\n\x00\x80\r\n", "A: \xff\r\n\r\n\x00\x80\r\n"},
		"bare LF":          {"A: b\n.\nc\r\n", "A: b\n.\nc\r\n"},
		"only a line end":  {"\r\n", "\r\n"},
		"a long line":      {strings.Repeat("x", 5000) + "\r\n", strings.Repeat("x", 5000) + "\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := realmta.StartSink(t)
			c := dial(t, sink.Addr())
			code, text := c.Deliver(realmta.Message{From: "a@b.test", To: []string{"c@d.test"}, Data: []byte(tt.data)})
			require.Equal(t, 250, code, text)
			got := sink.Wait(t, 1)[0]
			assert.Equal(t, tt.want, string(got.Data))
			assert.Equal(t, "a@b.test", got.From)
			assert.Equal(t, []string{"c@d.test"}, got.To)
		})
	}
}

func TestSinkArguments(t *testing.T) {
	t.Parallel()
	sink := realmta.StartSink(t)
	c := dial(t, sink.Addr())
	for _, line := range []string{
		"MAIL FROM:<a@b.test> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2Bz SIZE=9",
		"RCPT TO:<c@d.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;e@f.test",
		"RCPT TO:<g@d.test>",
	} {
		code, text := c.Cmd(line)
		require.Equal(t, 250, code, text)
	}
	code, text := c.Data([]byte("A: b\r\n"))
	require.Equal(t, 250, code, text)

	got := sink.Await(t, realmta.ToRecipient("g@d.test"))
	assert.Equal(t, map[string]string{"BODY": "8BITMIME", "SMTPUTF8": "", "RET": "HDRS", "ENVID": "x+2Bz"}, got.FromArgs)
	assert.Equal(t, []map[string]string{{"NOTIFY": "SUCCESS,DELAY", "ORCPT": "rfc822;e@f.test"}, {}}, got.ToArgs)
	sink.Reset()
	assert.Empty(t, sink.Delivered())
}

func TestClientShowsEveryReply(t *testing.T) {
	t.Parallel()
	c := realmta.DialSMTP(t, realmta.StartSink(t).Addr())
	code, text := c.Greeting()
	assert.Equal(t, 220, code)
	assert.Contains(t, text, "sink.example.test")

	code, text = c.Cmd("EHLO client.example.test")
	assert.Equal(t, 250, code)
	assert.Contains(t, strings.Split(text, "\n"), "8BITMIME")

	require.NoError(t, c.Send([]byte("NOOP\r\nRSET\r\n")))
	for range 2 {
		code, text = c.Reply()
		assert.Equal(t, 250, code, text)
	}
	code, _ = c.Deliver(realmta.Message{From: "a@b.test"})
	assert.Equal(t, 503, code, "there is no recipient")
	code, _ = c.Cmd("MAIL FROM: nobody")
	assert.Equal(t, 501, code)

	code, _ = c.Cmd("QUIT")
	assert.Equal(t, 221, code)
	code, text = c.Cmd("NOOP")
	assert.Zero(t, code, "a broken connection has no reply")
	assert.NotEmpty(t, text)
}

func dial(t *testing.T, addr string) *realmta.Client {
	t.Helper()
	c := realmta.DialSMTP(t, addr)
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return c
}

// A server that does not offer TLS leaves the connection as it is.
func TestStartTLSRefused(t *testing.T) {
	t.Parallel()
	c := dial(t, realmta.StartSink(t).Addr())
	assert.EqualError(t, c.StartTLS(&tls.Config{MinVersion: tls.VersionTLS12}), "realmta: STARTTLS: 250 2.0.0 ok")
	code, _ := c.Cmd("NOOP")
	assert.Equal(t, 250, code)
}

// A client can have an address of its own.
func TestDialSMTPFrom(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, ln.Close()) })
	peer := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			peer <- err.Error()
			return
		}
		_, _ = io.WriteString(conn, "220 hello\r\n")
		peer <- conn.RemoteAddr().(*net.TCPAddr).IP.String()
		_ = conn.Close()
	}()
	c := realmta.DialSMTPFrom(t, ln.Addr().String(), "127.0.1.7")
	code, text := c.Greeting()
	assert.Equal(t, 220, code, text)
	assert.Equal(t, "127.0.1.7", <-peer)
}
