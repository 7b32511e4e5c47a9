//go:build integration

package docs_test

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestConfiguration applies each block of settings in the how-to to a separate
// Postfix or Sendmail, and sends mail through a filter.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("howto/configure-postfix-and-sendmail.md")
	require.NoError(t, err)
	settings := map[string][]string{}
	for _, b := range walk.Parse(string(text)) {
		settings[b.Lang] = append(settings[b.Lang], b.Text)
	}
	require.Len(t, settings["ini"], 2)
	require.Len(t, settings["m4"], 1)
	for _, block := range settings["ini"] {
		main := map[string]string{}
		for line := range strings.Lines(strings.ReplaceAll(block, "9000", serve(t))) {
			key, value, ok := strings.Cut(line, "=")
			require.True(t, ok, line)
			main[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		postfix := realmta.StartPostfix(t, realmta.PostfixConfig{Main: main, Chroot: true})
		passes(t, postfix)
		assert.NotContains(t, postfix.Log(), "warning: ")
	}
	for _, block := range settings["m4"] {
		line := strings.ReplaceAll(strings.TrimSpace(block), "9000", serve(t))
		passes(t, realmta.StartSendmail(t, realmta.SendmailConfig{MC: []string{line}}))
	}
}

// serve serves a filter, and returns its port.
func serve(t *testing.T) string {
	t.Helper()
	ln, err := framework.Listen("inet:0@127.0.0.1")
	require.NoError(t, err)
	serveOn(t, ln)
	_, port, _ := strings.Cut(ln.Addr().String(), ":")
	return port
}

// serveOn serves a filter on a socket until the test ends.
func serveOn(t *testing.T, ln net.Listener) {
	t.Helper()
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Filter", "was here")
	})
	srv, err := framework.NewServer(r, framework.Config{})
	require.NoError(t, err)
	go func() { assert.ErrorIs(t, srv.Serve(ln), framework.ErrServerClosed) }()
	t.Cleanup(func() { assert.NoError(t, srv.Close()) })
}

// passes sends a message, and checks the delivered message.
func passes(t *testing.T, mta realmta.MTA) {
	t.Helper()
	recipient := "bob-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "@example.test"
	client := realmta.DialSMTP(t, mta.Addr())
	client.Cmd("EHLO client.example.test")
	code, text := client.Deliver(realmta.Message{
		From: "ann@example.org", To: []string{recipient}, Data: []byte("Subject: hello\r\n\r\nhi\r\n"),
	})
	require.Equal(t, 250, code, text)
	got := mta.Sink().Await(t, realmta.ToRecipient(recipient))
	assert.Contains(t, string(got.Data), "X-Filter: was here\r\n")
}
