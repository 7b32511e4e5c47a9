package docs_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/wire/mta"
)

// ruleFile is what Prometheus reads.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// TestAlerts checks that the how-to's program has the metrics that the alert
// rules of the how-to use.
func TestAlerts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("howto/metrics-and-alerts.md")
	require.NoError(t, err)
	page := ownPorts(t, string(text))
	blocks := map[string]string{}
	for _, b := range walk.Parse(page) {
		blocks[b.Lang] = b.Text
	}
	var file ruleFile
	require.NoError(t, yaml.Load([]byte(blocks["yaml"]), &file, yaml.WithKnownFields(), yaml.WithUniqueKeys()))
	require.Len(t, file.Groups, 1)
	require.NotEmpty(t, file.Groups[0].Rules)
	metrics := scrape(t, page, blocks["go"])
	for _, r := range file.Groups[0].Rules {
		checkRule(t, r, metrics)
	}
}

// checkRule checks an alert as far as that is possible without Prometheus.
func checkRule(t *testing.T, r rule, metrics string) {
	t.Helper()
	assert.NotEmpty(t, r.Alert)
	assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
	assert.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
	if r.For != "" {
		_, err := time.ParseDuration(r.For)
		require.NoError(t, err, r.Alert)
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		assert.Equal(t, strings.Count(r.Expr, pair[:1]), strings.Count(r.Expr, pair[1:]), r.Expr)
	}
	for _, name := range regexp.MustCompile(`sluice_\w+`).FindAllString(r.Expr, -1) {
		assert.Regexp(t, `(?m)^`+name+`[{ ]`, metrics, r.Alert)
	}
	for _, stage := range regexp.MustCompile(`stage="\w+"`).FindAllString(r.Expr, -1) {
		assert.Contains(t, metrics, stage, r.Alert)
	}
}

// scrape runs the program, sends it a message, and returns its metrics.
func scrape(t *testing.T, page, source string) string {
	t.Helper()
	milter := regexp.MustCompile(`"(inet:\d+@127\.0\.0\.1)"`).FindStringSubmatch(page)
	http := regexp.MustCompile(`"(127\.0\.0\.1:\d+)"`).FindStringSubmatch(page)
	require.NotNil(t, milter)
	require.NotNil(t, http)
	cmd := sluice(t, source)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	require.NoError(t, cmd.Start())
	conn := dial(t, milter[1])
	_, err := conn.Send(t.Context(), &mta.Message{})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	assert.Equal(t, "ok", strings.TrimSpace(get(t, "http://"+http[1]+"/readyz")))
	var metrics string
	require.Eventually(t, func() bool { // a message is counted when its answer is on the way
		metrics = get(t, "http://"+http[1]+"/metrics")
		return strings.Contains(metrics, "sluice_messages_total{")
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, cmd.Wait(), "the exit status")
	return metrics
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}
