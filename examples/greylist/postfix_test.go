//go:build integration

package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestBehindPostfix sends from two servers in one network and from an unknown
// client. The delay is short, because Postfix cannot run with the fake clock of
// testing/synctest.
func TestBehindPostfix(t *testing.T) {
	t.Parallel()
	const delay = 2 * time.Second
	r := rules()
	r.Delay = delay
	router := framework.NewRouter()
	router.Mount(filter(t, r))
	srv, err := framework.NewServer(router, framework.Config{})
	require.NoError(t, err)
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8", // these may set the client's address and login
		"smtpd_relay_restrictions":       "reject_unauth_destination",
		"inet_protocols":                 "all",
	}})
	ln := mta.Listen(t, "unix")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	mta.SetFilters(t, ln.Addr())

	deliver := func(client, sender string) string {
		t.Helper()
		c := realmta.DialSMTP(t, mta.Addr())
		for _, line := range []string{"EHLO client.example.test", "XCLIENT " + client, "EHLO client.example.test"} {
			code, text := c.Cmd(line)
			require.Contains(t, []int{220, 250}, code, text)
		}
		code, text := c.Deliver(realmta.Message{
			From: sender, To: []string{"bob@example.test"}, Data: []byte("Subject: " + client + "\r\n\r\nhello\r\n"),
		})
		if code != 250 {
			assert.Equal(t, 451, code)
			assert.Contains(t, text, "4.7.1 greylisted")
			return "waits"
		}
		mta.Sink().Await(t, realmta.Containing(client))
		return "passes"
	}
	assert.Equal(t, "waits", deliver("ADDR=192.0.2.1", "ann@example.org"))
	assert.Equal(t, "waits", deliver("ADDR=192.0.2.1", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.1 LOGIN=ann", "ann@example.org"))
	assert.Equal(t, "waits", deliver("ADDR=IPV6:2001:db8::1", "ann@example.org"))
	assert.Equal(t, "waits", deliver("ADDR=192.0.2.1", ""))
	time.Sleep(delay)
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.2", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=IPV6:2001:db8::2", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.2", ""))
	assert.Equal(t, "waits", deliver("ADDR=198.51.100.1", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.3", "ann@example.org"), "at once")
}
