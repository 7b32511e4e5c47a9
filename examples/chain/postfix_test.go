//go:build integration

package main_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// Mail through a real Postfix passes the whole chain.
func TestBehindPostfix(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	ln := mta.Listen(t, "unix")
	realmta.Serve(t, ln, router(t), framework.Config{})
	mta.SetFilters(t, ln.Addr())
	client := realmta.DialSMTP(t, mta.Addr())
	client.Cmd("EHLO client.example.test")
	send := func(from string) (int, string) {
		return client.Deliver(realmta.Message{From: from, To: []string{"bob@example.test"}, Data: []byte("Subject: hello\r\n\r\nhello\r\n")})
	}
	code, text := send("ann@example.org")
	require.Equal(t, 250, code, text)
	got := mta.Sink().Await(t, realmta.ToRecipient("bob@example.test"))
	assert.Equal(t, "X-Signed: [external] hello\r\nSubject: [external] hello\r\n\r\nhello\r\n", string(got.WithoutTrace()))
	code, text = send("spam@example.org")
	assert.Equal(t, 550, code)
	assert.Contains(t, text, "not from you")
}
