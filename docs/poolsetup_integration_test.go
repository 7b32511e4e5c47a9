//go:build integration

package docs_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

const (
	poolPage = "docs/howto/run-a-pool-behind-haproxy.md"
	mark     = "X-Filtered: yes\r\n"

	firstMX  = "127.0.0.1" // Postfix
	secondMX = "127.0.0.26"
	stranger = "127.0.0.27"

	// maxPerPeer takes the place of the page's limit, so that the test reaches it.
	maxPerPeer = 60

	// showSessions is HAProxy's command for a table of the filters.
	showSessions = "show stat"

	patience, tick = testproc.Patience, 20 * time.Millisecond
)

// pool is HAProxy with two filters, as the page shows it. All addresses are of this host.
type pool struct {
	t            *testing.T // of all subtests, which share the filters
	page, daemon string
	move         *strings.Replacer // from the addresses of the page to those of the test
	dir          string

	balancer, front, milters string
	filters                  [2]*testproc.Process
	all                      []*testproc.Process // with those that have ended
}

// newPool starts HAProxy and the filters. The addresses of two pools differ by n.
func newPool(t *testing.T, daemon string, n int) *pool {
	t.Helper()
	dir, err := os.MkdirTemp("", "p") //nolint:usetesting // a unix socket needs a short path
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	net77, port := fmt.Sprintf("127.77.%d.", n), strconv.Itoa(port(t))
	p := &pool{
		t: t, page: pages(t)[poolPage], daemon: daemon, dir: dir, balancer: net77 + "8", front: net77 + "8:" + port,
		move: strings.NewReplacer(
			"192.0.2.25", firstMX, "192.0.2.26", secondMX, "192.0.2.8", net77+"8", "192.0.2.1", net77+"1", "192.0.2.2", net77+"2",
			"9000", port, "/run/haproxy", dir, "inter 2s", "inter 500ms", "max_per_peer: 200", fmt.Sprintf("max_per_peer: %d", maxPerPeer),
		),
	}
	p.milters = regexp.MustCompile(`smtpd_milters = (\S+)`).FindStringSubmatch(p.move.Replace(p.page))[1]
	for i := range p.filters {
		p.start(i)
	}
	testproc.Start(t, exec.Command("haproxy", "-db", "-f", p.file(t, "haproxy.cfg")))
	for _, name := range []string{"filter1", "filter2"} {
		p.awaitState(t, name, "UP")
	}
	return p
}

// file saves a file of the page and returns its path.
func (p *pool) file(t *testing.T, name string) string {
	t.Helper()
	for _, b := range walk.Parse(p.page) {
		if b.File == name {
			path := filepath.Join(p.dir, name)
			require.NoError(t, os.WriteFile(path, []byte(p.move.Replace(b.Text)), 0o600))
			return path
		}
	}
	require.Fail(t, "the page has no such file", name)
	return ""
}

// start starts a filter, with the file or the command line of the page. The first filter logs
// more than the second.
func (p *pool) start(i int) {
	t := p.t
	t.Helper()
	args := []string{"-config", p.file(t, "sluiced.yaml")}
	if p.daemon == "headerd" {
		config := filepath.Join(p.dir, "headerd.yaml")
		require.NoError(t, os.WriteFile(config, []byte(`rules: [{do: [{add: {name: X-Filtered, value: "yes"}}]}]`), 0o600))
		line := regexp.MustCompile("`headerd -config headerd.yaml (.*)`").FindStringSubmatch(p.move.Replace(p.page))
		require.NotNil(t, line)
		args = append([]string{"-config", config}, strings.Fields(strings.ReplaceAll(line[1], "'", ""))...)
	}
	args = append(args, "-log-level", []string{"debug", "info"}[i])
	if i == 1 {
		args = p.second(t, args)
	}
	f := testproc.Start(t, exec.Command(example(t, p.daemon), args...))
	f.Await(t, "msg=serving")
	p.filters[i] = f
	p.all = append(p.all, f)
}

// second returns the arguments of the second filter, which has another address than the first.
func (p *pool) second(t *testing.T, args []string) []string {
	t.Helper()
	from, to := "@"+p.move.Replace("192.0.2.1?"), "@"+p.move.Replace("192.0.2.2?")
	if p.daemon == "sluiced" {
		text, err := os.ReadFile(args[1])
		require.NoError(t, err)
		args[1] = filepath.Join(p.dir, "second.yaml")
		require.NoError(t, os.WriteFile(args[1], []byte(strings.ReplaceAll(string(text), from, to)), 0o600))
	}
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, from, to)
	}
	return args
}

// admin sends a command to HAProxy's socket and returns the reply.
func (p *pool) admin(t *testing.T, command string) string {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(p.dir, "admin.sock"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintln(conn, command)
	require.NoError(t, err)
	reply, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(reply)
}

// awaitState waits until HAProxy has a state for a filter: UP, DOWN or DRAIN.
func (p *pool) awaitState(t *testing.T, filter, state string) {
	t.Helper()
	require.Eventually(t, func() bool {
		if _, err := os.Stat(filepath.Join(p.dir, "admin.sock")); err != nil {
			return false
		}
		line := regexp.MustCompile(`(?m)^milter,` + filter + `,.*$`).FindString(p.admin(t, showSessions))
		return strings.Contains(line, ","+state+",")
	}, patience, tick, "%s %s", filter, state)
}

// awaitIdle waits until HAProxy has no session with a filter.
func (p *pool) awaitIdle(t *testing.T, filter string) {
	t.Helper()
	none := regexp.MustCompile(`(?m)^milter,` + filter + `,\d+,\d+,0,`)
	require.Eventually(t, func() bool { return none.MatchString(p.admin(t, showSessions)) }, patience, tick)
}

// dial connects to HAProxy as a mail server with an address.
func (p *pool) dial(t *testing.T, from string) (*mta.Conn, error) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	raw, err := dialer.DialContext(context.WithoutCancel(t.Context()), "tcp", p.front)
	require.NoError(t, err)
	conn := mta.NewConn(raw, mta.Config{CommandTimeout: patience})
	t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.Negotiate(t.Context())
}
