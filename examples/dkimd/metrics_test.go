package main_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
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
	for deadline := time.Now().Add(time.Minute); !strings.Contains(text, last); _, text = get(t, shown, "/metrics") {
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

// TestDNSMetrics verifies a message whose key cannot be looked up, and then replaces the
// DNS with records.
func TestDNSMetrics(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "ed25519", "example.org", "s1")
	signed := must(t, "sign", "-domain", "example.org", "-selector", "s1", "-key", key, write(t, "letter.eml", "From: ann@example.org\r\n\r\nx\r\n"))
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	const common = "metrics: 127.0.0.1:0\nmode: verify\nauthserv_id: mx.example.net\n"
	config := write(t, "dkimd.yaml", common+`dns: {servers: ["`+dead.LocalAddr().String()+"\"]}\n")
	p := start(t, "-config", config)
	shown, _ := p.await(t, "serving metrics")["address"].(string)
	address, _ := p.await(t, "serving")["address"].(string)
	send := func() {
		conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
		require.NoError(t, err)
		m, err := mta.ReadMessage(strings.NewReader(signed))
		require.NoError(t, err)
		_, err = conn.Send(t.Context(), m)
		require.NoError(t, err)
		require.NoError(t, conn.Quit(t.Context()))
	}
	send()
	send()
	_, text := get(t, shown, "/metrics")
	var figures []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "dkim_dns_") && !strings.HasPrefix(line, "dkim_dns_cache_bytes ") {
			figures = append(figures, strings.TrimSpace(line))
		}
	}
	assert.Equal(t, []string{
		"dkim_dns_busy_total 0", "dkim_dns_cache_hits_total 1", "dkim_dns_cache_misses_total 1", "dkim_dns_cache_names 1",
		"dkim_dns_failures_total 1", "dkim_dns_gave_way_total 0", "dkim_dns_lookups 0", "dkim_dns_lookups_waiting 0",
	}, figures)
	assert.Regexp(t, `(?m)^dkim_dns_cache_bytes \d{3}$`, text)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	for _, problem := range problems {
		assert.NotContains(t, problem.Metric, "dkim_", problem.Text)
	}
	howto, err := os.ReadFile("../../docs/howto/metrics-and-alerts.md")
	require.NoError(t, err)
	for _, figure := range append(figures, "dkim_dns_cache_bytes ") {
		name, _, _ := strings.Cut(figure, " ")
		assert.Contains(t, string(howto), "`"+name+"`")
	}

	require.NoError(t, os.WriteFile(config, []byte(common+`dns: {servers: ["127.0.0.1:9"]}`+"\n"), 0o600))
	p.hangUp(t)
	p.await(t, "configuration reloaded")
	_, text = get(t, shown, "/metrics")
	assert.Contains(t, text, "\ndkim_dns_cache_misses_total 0\n", "the figures of the new resolver")

	require.NoError(t, os.WriteFile(config, []byte(common+"dns: {records: "+records+"}\n"), 0o600))
	p.hangUp(t)
	p.await(t, "configuration reloaded")
	_, text = get(t, shown, "/metrics")
	assert.NotContains(t, text, "dkim_dns_")
	assert.Contains(t, text, "dkim_events_total")
}
