package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// deliver sends a message and returns the verdict, or the text of the message after the edits.
func deliver(t *testing.T, address string, client string) string {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{})
	require.NoError(t, err)
	msg, err := mta.Postfix.ReadMessage(strings.NewReader(message))
	require.NoError(t, err)
	msg.Client = mta.Client{Host: "mail.example.org", Addr: client, Port: 1025}
	msg.Sender, msg.Helo = mta.Address{Addr: "<ann@example.org>"}, "mail.example.org"
	msg.Recipients = []mta.Recipient{{Addr: "<bob@example.net>"}}
	outcome, err := conn.Send(t.Context(), msg)
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	if outcome.Edited == nil {
		return outcome.Verdict.String()
	}
	return string(outcome.Edited.Bytes())
}

// address returns where a process serves.
func address(t *testing.T, p *testproc.Process) string {
	t.Helper()
	m := regexp.MustCompile(`msg=serving address=(\S+)`).FindStringSubmatch(p.Stderr.String())
	require.NotNil(t, m)
	if strings.HasPrefix(m[1], "/") {
		return "unix:" + m[1]
	}
	return "inet:" + m[1]
}

// scrape returns the metrics of a process as soon as they have a line.
func scrape(t *testing.T, p *testproc.Process, line string) string {
	t.Helper()
	m := regexp.MustCompile(`msg="serving metrics" address=(\S+)`).FindStringSubmatch(p.Stderr.String())
	require.NotNil(t, m)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		text := get(t, "http://"+m[1]+"/metrics")
		if strings.Contains(text, line) {
			return text
		}
		require.True(t, time.Now().Before(deadline), "%s is not in %s", line, text)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	return string(body)
}

// TestServe runs the sample of a mail exchanger, with an address and metrics of flags.
func TestServe(t *testing.T) {
	t.Parallel()
	dns := resolvertest.Listen(t, zone)
	p := start(t, "-config", "mx.yaml", "-listen", "inet:0@127.0.0.1", "-metrics", "127.0.0.1:0", "-dns", dns)
	at := address(t, p)
	assert.Contains(t, deliver(t, at, "192.0.2.1"), "spf=pass smtp.mailfrom=ann@example.org")
	assert.Contains(t, deliver(t, at, "192.0.2.66"), "550-5.7.1 DMARC: ")
	scrape(t, p, `sluiced_actions_total{action="reject"} 1`)
	text := scrape(t, p, `sluice_messages_total{filter="dmarc",verdict="reply_5xx"} 1`)
	for _, line := range []string{
		`sluiced_results_total{method="spf",result="pass"} 1`, `sluiced_results_total{method="spf",result="fail"} 1`,
		`sluiced_results_total{method="dmarc",result="fail"} 1`, `sluiced_results_total{method="dkim",result="none"} 2`,
		`sluiced_results_total{method="arc",result="none"} 2`, `sluiced_actions_total{action="accept"} 1`,
		`sluice_config_last_reload_successful 1`,
	} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
	assert.Regexp(t, `\nsluiced_dns_cache_misses_total [1-9]`, text)
	log := p.Stderr.String()
	assert.Contains(t, log, "msg=message ", "the logger of the file")
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
}

// The file sets the addresses, the log and the limits. Flags take precedence.
func TestFileAndFlags(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "x.sock")
	config := write(t, "x.yaml", "listen: ['unix:"+socket+"']\nmetrics: 127.0.0.1:0\nlog: {level: debug, format: json}\nlimits: {networks: [192.0.2.1]}\nfilters: []\n")
	cmd := func(args ...string) *testproc.Process {
		return start(t, append([]string{"-config", config}, args...)...)
	}

	p := cmd("-log-format", "text")
	assert.Equal(t, "unix:"+socket, address(t, p))
	assert.Contains(t, p.Stderr.String(), "level=DEBUG")
	assert.Contains(t, p.Stderr.String(), "suspicious configuration")
	scrape(t, p, "sluice_config_last_reload_successful 1")
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))

	p = cmd("-log-format", "text", "-log-level", "info", "-listen", "inet:0@127.0.0.1")
	assert.NotContains(t, p.Stderr.String(), "level=DEBUG")
	at := address(t, p)
	_, err := mta.Dial(t.Context(), at, mta.Config{})
	require.Error(t, err, "the file admits another host alone")
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))

	p = cmd("-log-format", "text", "-listen", "inet:0@127.0.0.1", "-allow", "127.0.0.1")
	conn, err := mta.Dial(t.Context(), address(t, p), mta.Config{})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
}

const (
	addX     = "- headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}\n"
	addY     = "- headers: {rules: [{do: [{add: {name: X, value: '2'}}]}]}\n"
	accepts  = "- authenticate: {dmarc: {reject: accept}}\n"
	rejects  = "- authenticate: {dmarc: {reject: reject}}\n"
	holds    = "- authenticate: {dmarc: {reject: hold}}\n"
	deletesX = "- headers: {rules: [{do: [{delete: X}]}]}\n"
)

// TestReload changes the settings of two filters at once. If one filter cannot use its new
// settings, the other keeps its old ones, too.
func TestReload(t *testing.T) {
	t.Parallel()
	dns := resolvertest.Listen(t, zone)
	file := write(t, "x.yaml", "filters:\n"+accepts+addX)
	p := start(t, "-config", file, "-listen", "inet:0@127.0.0.1", "-metrics", "127.0.0.1:0", "-dns", dns)
	at := address(t, p)
	reload := func(text, says string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		before := p.Stderr.Count(says)
		p.Signal(t, syscall.SIGHUP)
		p.Stderr.Await(t, says, before+1)
	}
	const (
		done, kept = `msg="configuration reloaded"`, `msg="configuration not reloaded: the old one stays in force"`
		restart    = `msg="configuration not reloaded: the new rules need a restart"`
	)
	forged := func() string { return deliver(t, at, "192.0.2.66") }
	assert.Contains(t, forged(), "\r\nX: 1\r\n")
	reload("filters:\n"+accepts+addY, done)
	assert.Contains(t, forged(), "\r\nX: 2\r\n")
	reload("filters:\n"+rejects+addX, done)
	assert.Contains(t, forged(), "550-5.7.1 DMARC: ")
	scrape(t, p, "sluice_config_last_reload_successful 1")

	// authenticate could use these settings, headers cannot, and the other way round.
	reload("filters:\n"+accepts+deletesX, restart)
	assert.Contains(t, forged(), "550-5.7.1 DMARC: ")
	reload("filters:\n"+holds+addY, restart)
	assert.Contains(t, forged(), "550-5.7.1 DMARC: ")
	assert.Contains(t, deliver(t, at, "192.0.2.1"), "\r\nX: 1\r\n")
	scrape(t, p, "sluice_config_last_reload_successful 0")
	reload("filters:\n"+accepts+"- headers: {rules: [{do: [delete: 'a b']}]}\n", kept)
	assert.Contains(t, p.Stderr.String(), "x.yaml:3:35: rule 1: Delete: Name: ")
	for _, text := range []string{
		"filters:\n" + accepts, "filters:\n" + addX + accepts, "log: {level: debug}\nfilters:\n" + accepts + addX,
		"limits: {max_sessions: 5}\nfilters:\n" + accepts + addX, "middleware: [recover]\nfilters:\n" + accepts + addX,
		"inspect: {content: all}\nfilters:\n" + accepts + addX, "dns: {timeout: 1s}\nfilters:\n" + accepts + addX, "filters:\n" + accepts + strings.Replace(addX, "- ", "- dry_run: true\n  ", 1),
	} {
		reload(text, restart)
		assert.Contains(t, forged(), "550-5.7.1 DMARC: ", text)
	}
	reload("# the same with a comment\n\nfilters:\n"+accepts+addX, done)
	assert.Contains(t, forged(), "\r\nX: 1\r\n")
	assert.Regexp(t, `\nsluiced_dns_cache_hits_total [1-9]\d`, scrape(t, p, "sluice_config_last_reload_successful 1"), "the cache stays filled")
	require.NoError(t, os.Remove(file))
	p.Signal(t, syscall.SIGHUP)
	p.Stderr.Await(t, kept, 2)
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
}

// TestReloadKeys replaces a key file.
func TestReloadKeys(t *testing.T) {
	t.Parallel()
	config, _ := sample(t, "submission.yaml")
	p := start(t, "-config", config, "-listen", "inet:0@127.0.0.1", "-metrics", "127.0.0.1:0")
	at := address(t, p)
	assert.Contains(t, deliver(t, at, "127.0.0.1"), "s=s2026;")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	changed := strings.Replace(string(text), "selector: s2026", "selector: s2027", 1)
	require.NoError(t, os.WriteFile(config, []byte(changed), 0o600))
	p.Signal(t, syscall.SIGHUP)
	p.Stderr.Await(t, `msg="configuration reloaded"`, 1)
	assert.Contains(t, deliver(t, at, "127.0.0.1"), "s=s2027;")
	scrape(t, p, `sluiced_signing_total{class="author",filter="sign",kind="signed",result=""} 2`)
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
}

// TestHandOver hands the sockets over to a process with settings that need a restart.
func TestHandOver(t *testing.T) {
	t.Parallel()
	file, pidFile := write(t, "x.yaml", "filters:\n"+addX), filepath.Join(t.TempDir(), "pid")
	socket := "unix:" + filepath.Join(t.TempDir(), "x.sock")
	p := start(t, "-config", file, "-listen", socket, "-metrics", "127.0.0.1:0", "-inspect", "127.0.0.1:0", "-handover", pidFile)
	page := inspector(t, p)
	assert.Contains(t, deliver(t, socket, "192.0.2.1"), "\r\nX: 1\r\n")
	require.NoError(t, os.WriteFile(file, []byte("middleware: [recover]\nfilters:\n"+addY+strings.Replace(addX, "- ", "- name: other\n  ", 1)), 0o600))
	p.Signal(t, syscall.SIGUSR2)
	p.Stderr.Await(t, "msg=drained", 1) // until then the old process may accept connections, too
	assert.Contains(t, deliver(t, socket, "192.0.2.1"), "\r\nX: 2\r\nX: 1\r\n")
	assert.Equal(t, []string{"headers", "other"}, messages(t, page, 1)[0].EditedBy, "the new process serves the page")
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.NoError(t, p.Wait(t), p.Stderr.String())
}

func TestCheckAgainst(t *testing.T) {
	t.Parallel()
	old, wrong := write(t, "old.yaml", "filters:\n"+accepts+addX), write(t, "wrong.yaml", "filters: x\n")
	for name, c := range map[string]struct {
		text, against string
		status        int
		says          string
	}{
		"the same":     {"filters:\n" + accepts + addX, old, 0, ""},
		"others":       {"filters:\n" + rejects + addY, old, 0, ""},
		"more":         {"filters:\n" + accepts + deletesX, old, 3, "needs a restart: filter headers: "},
		"hold":         {"filters:\n" + holds + addX, old, 3, "needs a restart: filter authenticate: "},
		"both":         {"filters:\n" + holds + deletesX, old, 3, "\nsluiced: filter headers: "},
		"metrics":      {"metrics: ':9'\nfilters:\n" + accepts + addX, old, 3, "metrics: a change needs a restart"},
		"inspect":      {"inspect: {address: '127.0.0.1:8025'}\nfilters:\n" + accepts + addX, old, 3, "inspect: a change needs a restart"},
		"off":          {"filters:\n- authenticate: {spf: off}\n" + addX, old, 3, "filter authenticate: "},
		"fewer":        {"filters:\n" + accepts, old, 3, "the number of filters: a change needs a restart"},
		"wrong":        {"filters: x\n", old, 1, "x.yaml:1:10: want a list of filters"},
		"old is wrong": {"filters:\n" + addX, wrong, 1, "the file of -against cannot be used: " + wrong + "\nsluiced: " + wrong + ":1:10: want a list"},
	} {
		status, _, stderr := run(t, "-check", "-config", write(t, "x.yaml", c.text), "-against", c.against)
		assert.Equal(t, c.status, status, "%s: %s", name, stderr)
		assert.Contains(t, stderr, c.says, name)
		assert.Equal(t, c.status == 0, stderr == "", name)
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"unknown flag":  {[]string{"-colour"}, 2, "-colour"},
		"no file named": {nil, 2, "-config is required"},
		"odd dns":       {[]string{"-config", "mx.yaml", "-dns", "1.2.3.4"}, 2, "-dns: "},
		"no such file":  {[]string{"-config", "/nonexistent.yaml", "-check"}, 1, "open /nonexistent.yaml: no such file"},
		"no folder":     {[]string{"-config", "mx.yaml", "-log-level", "error", "-listen", "unix:/nonexistent/x.sock"}, 1, "/nonexistent"},
		"remote away":   {[]string{"-check", "-config", write(t, "x.yaml", "filters: [{remote: {addresses: ['inet:1@127.0.0.1']}}]\n")}, 1, "inet:1@127.0.0.1"},
	} {
		status, stdout, stderr := run(t, c.args...)
		assert.Equal(t, c.status, status, name)
		assert.Empty(t, stdout, name)
		assert.Contains(t, stderr, c.says, name)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	var plan struct {
		Filters []string `json:"filters"`
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, "-config", "mx.yaml", "-explain", "json")), &plan))
	assert.Equal(t, []string{"sluiced", "rate_limit", "authenticate", "spf", "dkim", "arc", "dmarc", "authenticate-field", "hygiene"}, plan.Filters)
	status, _, _ := run(t, "-config", "mx.yaml", "-check", "-listen", "inet:"+busy(t)+"@127.0.0.1")
	assert.Zero(t, status, "-check binds no address")
}

// busy returns a port that is in use.
func busy(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
