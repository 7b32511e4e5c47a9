package main_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire/mta"
)

// get returns the status and the text of an HTTP response.
func get(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	res, err := http.Get("http://" + address + path)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	return res.StatusCode, string(body)
}

// TestMetrics sets the address in the configuration, and sends a message for
// each class of domains.
func TestMetrics(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "ed25519", "example.org", "s1")
	signed := func(from string) string {
		letter := "From: " + from + "\r\nAuthentication-Results: mx.example.net; dkim=pass\r\n\r\nx\r\n"
		return must(t, "sign", "-domain", "example.org", "-selector", "s1", "-key", key, write(t, "letter.eml", letter))
	}
	config := write(t, "dkimd.yaml", "metrics: 127.0.0.1:0\nmode: verify\nauthserv_id: mx.example.net\ndns: {records: "+records+"}\n")
	p := start(t, "-config", config)
	shown, _ := p.await(t, "serving metrics")["address"].(string)
	address, _ := p.await(t, "serving")["address"].(string)
	conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
	require.NoError(t, err)
	for _, text := range []string{
		signed("ann@example.org"), signed("ann@sub.example.org"), signed("bob@example.com"), "From: eve@example.com\r\n\r\nx\r\n",
	} {
		m, err := mta.ReadMessage(strings.NewReader(text))
		require.NoError(t, err)
		_, err = conn.Send(t.Context(), m)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Quit(t.Context()))

	const last = `sluice_filter_messages_total{filter="dkim",verdict="continue"} 4`
	_, text := get(t, shown, "/metrics")
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(text, last); _, text = get(t, shown, "/metrics") {
		require.True(t, time.Now().Before(deadline), "%s is not in %s", last, text) // a message is counted after its verdict was sent
	}
	for _, line := range []string{
		`dkim_events_total{class="author",kind="verified",result="pass"} 2`,
		`dkim_events_total{class="third party",kind="verified",result="pass"} 1`,
		`dkim_events_total{class="none",kind="verified",result="none"} 1`,
		`kind="forged",result=""} 3`,
		"\nsluice_messages_begun_total 4\n",
	} {
		assert.Contains(t, text, line)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		status, _ := get(t, shown, path)
		assert.Equal(t, http.StatusOK, status, path)
	}
}
