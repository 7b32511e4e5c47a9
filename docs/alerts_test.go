package docs_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
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
	metrics := scrape(t, page, blocks["go"]) + scrapeDaemon(t, "headerd", "rules: []\n", "sluice_") +
		scrapeDaemon(t, "dkimd", "mode: verify\nauthserv_id: mx.example.org\n", "sluice_") +
		scrapeDaemon(t, "sluiced", "filters: [{authenticate: {authserv_id: mx.example.org}}]\n", "sluiced_actions_total{")
	for _, r := range file.Groups[0].Rules {
		checkRule(t, r, metrics)
	}
}

// scrapeDaemon returns the metrics of a daemon, which has some that the program has not. It
// sends the daemon a message, and waits until a metric is there.
func scrapeDaemon(t *testing.T, name, text, metric string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, name+".yaml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	p := testproc.Start(t, exec.Command(example(t, name),
		"-config", config, "-listen", "unix:"+filepath.Join(dir, "x.sock"), "-metrics", "127.0.0.1:0"))
	p.Stderr.Await(t, "msg=serving address", 1)
	address := regexp.MustCompile(`msg="serving metrics" address=(\S+)`).FindStringSubmatch(p.Stderr.String())
	require.NotNil(t, address)
	conn := dial(t, "unix:"+filepath.Join(dir, "x.sock"))
	_, err := conn.Send(t.Context(), &mta.Message{})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	var metrics string
	require.Eventually(t, func() bool { // a message is counted when its answer is on the way
		code, text := get(t, "http://"+address[1]+"/metrics")
		metrics = text
		return code == http.StatusOK && strings.Contains(text, metric)
	}, time.Minute, 20*time.Millisecond)
	p.Signal(t, syscall.SIGTERM)
	assert.NoError(t, p.Wait(t))
	return metrics
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
	for _, name := range regexp.MustCompile(`(sluiced?|dkim)_\w+`).FindAllString(r.Expr, -1) {
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
	code, text := get(t, "http://"+http[1]+"/healthz")
	assert.Equal(t, 200, code)
	assert.Equal(t, "ok\n", text)
	require.Eventually(t, func() bool { // the first message may come before the last address is bound
		code, _ := get(t, "http://"+http[1]+"/readyz")
		return code == 200
	}, time.Minute, 20*time.Millisecond)
	var metrics string
	require.Eventually(t, func() bool { // a message is counted when its answer is on the way
		_, metrics = get(t, "http://"+http[1]+"/metrics")
		return strings.Contains(metrics, "sluice_messages_total{")
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, cmd.Wait(), "the exit status")
	return metrics
}

func get(t *testing.T, url string) (code int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
