//go:build integration

package docs_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// TestPageBehindNginx runs sluiced and nginx as the how-to configures them. nginx listens
// without TLS, on a port of the test.
func TestPageBehindNginx(t *testing.T) {
	t.Parallel()
	var section, server string
	for _, b := range read(t, "howto/look-at-what-your-filters-do.md") {
		switch {
		case b.Lang == "nginx":
			server = b.Text
		case b.Lang == "yaml" && strings.Contains(b.Text, "proxy_user_header"):
			section = b.Text
		}
	}
	page := regexp.MustCompile(`address: (\S+)`).FindStringSubmatch(section)
	require.NotNil(t, page)
	daemon := sluiced(t, section)
	proxy := nginx(t, server)

	status := func(url string, headers ...string) int {
		t.Helper()
		res, err := http.DefaultClient.Do(request(t, url, headers...))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	const basic = "Basic YW5uOnNlY3JldA==" // ann:secret
	assert.Equal(t, 401, status(proxy+"/api/messages"), "nginx asks for a password")
	assert.Equal(t, 401, status(proxy+"/api/messages", "X-Forwarded-User", "ann"), "a client's header is no password")
	assert.Equal(t, 200, status(proxy+"/api/messages", "Authorization", basic))
	assert.Equal(t, 200, status(proxy+"/", "Authorization", basic))
	assert.Equal(t, 401, status("http://"+page[1]+"/api/messages"), "nginx is the only way")

	res, err := http.DefaultClient.Do(request(t, proxy+"/api/events", "Authorization", basic))
	require.NoError(t, err)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, "retry:", "nginx passes the events on at once")
	require.NoError(t, res.Body.Close())
	daemon.Signal(t, syscall.SIGTERM)
	require.NoError(t, daemon.Wait(t))
}

// sluiced starts sluiced with a section of its file.
func sluiced(t *testing.T, section string) *testproc.Process {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "sluiced.yaml")
	require.NoError(t, os.WriteFile(config, []byte(section+"filters: []\n"), 0o600))
	p := testproc.Start(t, exec.Command(example(t, "sluiced"), "-config", config, "-listen", "unix:"+filepath.Join(dir, "x.sock")))
	p.Stderr.Await(t, "msg=serving address", 1)
	return p
}

// nginx starts nginx with a server and returns where it listens.
func nginx(t *testing.T, server string) string {
	t.Helper()
	dir, at := t.TempDir(), "127.0.0.1:"+strconv.Itoa(port(t))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users"), []byte("ann:{PLAIN}secret\n"), 0o644))
	server = strings.NewReplacer("192.0.2.1:443 ssl", at, "/etc/nginx/inspect.users", filepath.Join(dir, "users")).Replace(server)
	server = regexp.MustCompile(`(?m)^\tssl_.*\n`).ReplaceAllString(server, "")
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary.WriteString(kind + "_temp_path " + filepath.Join(dir, kind) + ";\n")
	}
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, []byte("daemon off;\nmaster_process off;\npid "+filepath.Join(dir, "pid")+";\n"+
		"error_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+temporary.String()+server+"}\n"), 0o600))
	testproc.Start(t, exec.Command("/usr/sbin/nginx", "-c", config, "-p", dir, "-e", "stderr"))
	require.Eventually(t, func() bool {
		res, err := http.DefaultClient.Do(request(t, "http://"+at+"/"))
		if err == nil {
			err = res.Body.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return "http://" + at
}

// request returns a request with headers, which are names and values in turn.
func request(t *testing.T, url string, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}
