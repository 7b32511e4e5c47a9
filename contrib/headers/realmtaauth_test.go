//go:build integration

package headers_test

import (
	"encoding/base64"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestAuthenticatedBehindSendmail logs a client in with the mechanism
// ANONYMOUS.
func TestAuthenticatedBehindSendmail(t *testing.T) {
	t.Parallel()
	b := newBehind(t, realmta.StartSendmail(t, realmta.SendmailConfig{Rules: []string{"O AuthMechanisms=ANONYMOUS"}}))
	b.use(t, parsed(t, `
rules:
- when: {authenticated: true}
  do: [{add: {name: X-Auth, value: '{{ .Auth }}'}}, {strip: {}}]
- when: {authenticated: false}
  do: [{add: {name: X-Nobody, value: 'from {{ .Client.Addr }}'}}]
`))
	send := func(login bool, to string) string {
		c := realmta.DialSMTP(t, b.mta.Addr())
		defer c.Close()
		code, text := c.Cmd("EHLO client.example.test")
		require.Equal(t, 250, code, text)
		if login {
			require.Contains(t, text, "AUTH ANONYMOUS")
			code, text = c.Cmd("AUTH ANONYMOUS " + base64.StdEncoding.EncodeToString([]byte("ann")))
			require.Equal(t, 235, code, text)
		}
		code, text = c.Deliver(realmta.Message{From: "ann@example.org", To: []string{to + "@example.test"}, Data: []byte("A: 1\r\nUser-Agent: x\r\n\r\nhello\r\n")})
		require.Equal(t, 250, code, text)
		return strings.ReplaceAll(string(b.mta.Sink().Await(t, realmta.ToRecipient(to+"@example.test")).WithoutTrace()), "\r\n", "\n")
	}
	assert.Equal(t, "A: 1\nX-Auth: anonymous\n\nhello\n", send(true, "in"))
	assert.Equal(t, "A: 1\nUser-Agent: x\nX-Nobody: from 127.0.0.1\n\nhello\n", send(false, "out"))
}

// from forwards connections to an address, with another address of this host as
// their source.
func from(t *testing.T, source, to string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	var forwarding sync.WaitGroup
	forwarding.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := dialer.DialContext(t.Context(), "tcp", to)
			if !assert.NoError(t, err) {
				_ = client.Close()
				return
			}
			forwarding.Go(func() { forward(client, server) })
			forwarding.Go(func() { forward(server, client) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		forwarding.Wait()
	})
	return ln.Addr().String()
}

func forward(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = from.Close()
	_ = to.Close()
}

// TestClientsBehindMTAs uses clients with several addresses, without XCLIENT.
func TestClientsBehindMTAs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ when, holds, fails string }{
		"an address":     {"{client: 127.0.0.2}", "127.0.0.2", "127.0.0.3"},
		"a network":      {"{client: 127.0.1.0/24}", "127.0.1.255", "127.0.2.0"},
		"one of several": {"{client: [127.0.0.2, 127.1.0.0/16]}", "127.1.2.3", "127.2.0.1"},
		"not a network":  {"{not: {client: 127.0.1.0/24}}", "127.0.0.1", "127.0.1.1"},
		"no login":       {"{client: 127.0.1.0/24, authenticated: false}", "127.0.1.1", "127.0.0.1"},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for name, c := range tests {
				b.use(t, parsed(t, "rules: [{when: "+c.when+", do: [{reject: it holds}]}, {do: [{add: {name: X, value: '{{ .Client.Addr }}'}}]}]"))
				code, text, _ := b.sendAt(t, from(t, c.holds, b.mta.Addr()), session{}, "A: 1\n\nhello\n")
				assert.Equal(t, 550, code, "%s: %s", name, text)
				code, text, got := b.sendAt(t, from(t, c.fails, b.mta.Addr()), session{}, "A: 1\n\nhello\n")
				assert.Equal(t, 250, code, "%s: %s", name, text)
				assert.Equal(t, "A: 1\r\nX: "+c.fails+"\r\n\r\nhello\r\n", got, name)
			}
		})
	}
}
