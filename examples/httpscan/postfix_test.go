//go:build integration

package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/httpscan/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// postfix is a Postfix with a gate for filters.
type postfix struct {
	*realmta.Postfix

	gate *realmta.Gate
}

func startPostfix(t *testing.T) postfix {
	t.Helper()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	gate := realmta.OpenGate(t, mta.Listen(t, "unix"))
	mta.SetFilters(t, gate.Addr())
	return postfix{mta, gate}
}

// deliver sends a message through a filter that asks the scanner at the URL.
func (p postfix) deliver(t *testing.T, url string, data []byte) (int, string) {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(filter.Filter{URL: url})
	srv, err := framework.NewServer(r, framework.Config{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, srv.Close()) }()
	p.gate.Serve(srv.ServeConn)
	c := realmta.DialSMTP(t, p.Addr())
	defer c.Close()
	c.Cmd("EHLO client.example.test")
	return c.Deliver(realmta.Message{From: "ann@example.org", To: []string{"bob@example.test"}, Data: data})
}

// TestBehindPostfix compares what the scanner gets with what was sent and delivered.
func TestBehindPostfix(t *testing.T) {
	t.Parallel()
	mta := startPostfix(t)
	var answer, posted string
	var header http.Header
	scanner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		posted, header = string(body), r.Header
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(scanner.Close)
	for name, data := range map[string]string{
		"ordinary":          "Subject: ordinary\r\nFrom: ann@example.org\r\n\r\nbody\r\n",
		"odd spaces":        "Subject:odd\r\nX-A:   a\r\nX-B:\r\n\t b \r\n\r\n\r\n.\r\n..\r\nlast\r\n",
		"8 bits":            "Subject: \xff\xfe\r\n\r\n\x80\xc3\r\n",
		"larger than 1 MiB": "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			answer = `{"action":"no action"}`
			code, text := mta.deliver(t, scanner.URL, []byte(data))
			require.Equal(t, 250, code, text)
			first, _, _ := strings.Cut(data, "\r\n")
			delivered := mta.Sink().Await(t, realmta.Containing(first))
			assert.Equal(t, posted, string(delivered.WithoutTrace()))
			assert.Equal(t, posted, data)
			assert.Equal(t, []string{"bob@example.test"}, header["Rcpt"])
			assert.Equal(t, "127.0.0.1", header.Get("Ip"))
			assert.NotEmpty(t, header.Get("Queue-Id"))
			assert.Contains(t, text, header.Get("Queue-Id"))
		})
	}
	t.Run("refused", func(t *testing.T) {
		answer = `{"action":"soft reject","messages":{"smtp_message":"Greylisted"}}`
		code, text := mta.deliver(t, scanner.URL, []byte("Subject: x\r\n\r\nx\r\n"))
		assert.Equal(t, 451, code)
		assert.Contains(t, text, "4.7.1 Greylisted")
	})
	t.Run("edited", func(t *testing.T) {
		answer = `{"action":"rewrite subject","subject":"[spam] edited","milter":{"remove_headers":{"X-Old":0},
			"add_headers":{"X-Top":{"value":"1","order":1},"X-End":["2","3"]}}}`
		code, text := mta.deliver(t, scanner.URL, []byte("X-Old: 1\r\nSubject: edited\r\nX-Old: 2\r\n\r\nx\r\n"))
		require.Equal(t, 250, code, text)
		delivered := mta.Sink().Await(t, realmta.Containing("[spam] edited"))
		assert.Equal(t, "X-Top: 1\r\nSubject: [spam] edited\r\nX-End: 2\r\nX-End: 3\r\n\r\nx\r\n",
			string(delivered.WithoutTrace()))
	})
}

// configuration is for an rspamd without network, modules and rules, whose files are in
// a folder.
const configuration = `options {
  filters = "";
  pidfile = "%[1]s/pid"; tempdir = "%[1]s"; hs_cache_dir = "%[1]s";
  cache_file = "%[1]s/cache"; history_file = "%[1]s/history"; url_tld = "%[1]s/tld";
  dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }
  disable_hyperscan = true;
}
logging { type = "console"; }
actions { reject = 15; add_header = 6; }
lua = "%[1]s/rules.lua";
worker "normal" { bind_socket = "127.0.0.1:%[2]d"; count = 1; }
`

// rules give a symbol for a text, and edit all mail.
const rules = `
rspamd_config:register_symbol({name = 'SPAM', type = 'normal', callback = function(task)
  if task:get_content():find('buy now') and task:get_helo() == 'client.example.test' then
    task:insert_result('SPAM', 1.0)
  end
end})
rspamd_config:set_metric_symbol({name = 'SPAM', score = 7.0})
rspamd_config:register_symbol({name = 'EDITS', type = 'postfilter', callback = function(task)
  task:set_milter_reply({
    add_headers = {['X-From'] = task:get_from('smtp')[1].addr, ['X-Top'] = {value = 'top', order = 1}},
    remove_headers = {['X-Old'] = 0},
  })
end})
`

// startRspamd starts Debian's rspamd and returns its URL.
func startRspamd(t *testing.T) string {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	for name, text := range map[string]string{
		"rspamd.conf": fmt.Sprintf(configuration, dir, port), "rules.lua": rules, "tld": "org\ntest\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	p := testproc.Start(t, exec.Command("/usr/bin/rspamd", "-f", "-i", "-c", filepath.Join(dir, "rspamd.conf")))
	t.Cleanup(func() { // a kill would leave its workers
		p.Signal(t, syscall.SIGTERM)
		assert.NoError(t, p.Wait(t))
	})
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)
	require.Eventually(t, func() bool {
		res, err := http.Get(url + "ping") //nolint:noctx // the test ends with patience
		if err != nil {
			return false
		}
		return assert.NoError(t, res.Body.Close())
	}, time.Minute, 20*time.Millisecond)
	return url + "checkv2"
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, ln.Close()) }()
	return ln.Addr().(*net.TCPAddr).Port
}

// TestRspamdBehindPostfix has the real rspamd scan mail behind the real Postfix.
func TestRspamdBehindPostfix(t *testing.T) {
	t.Parallel()
	url, mta := startRspamd(t), startPostfix(t)
	const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
	code, text := mta.deliver(t, url, []byte("Subject: test\r\n\r\n"+gtube+"\r\n"))
	assert.Equal(t, 554, code)
	assert.Contains(t, text, "5.7.1 Gtube pattern")
	for subject, c := range map[string]struct{ body, spam string }{"good": {"hello", ""}, "bad": {"buy now", "X-Spam: Yes\r\n"}} {
		code, text := mta.deliver(t, url, []byte("Subject: "+subject+"\r\nX-Old: 1\r\n\r\n"+c.body+"\r\n"))
		require.Equal(t, 250, code, text)
		delivered := mta.Sink().Await(t, realmta.Containing("Subject: "+subject))
		assert.Equal(t, "X-Top: top\r\nSubject: "+subject+"\r\n"+c.spam+"X-From: ann@example.org\r\n\r\n"+c.body+"\r\n",
			string(delivered.WithoutTrace()))
	}
}
