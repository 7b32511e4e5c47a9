//go:build integration

package docs_test

import (
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// spool is Postfix's queue directory on Debian, to which it changes its root.
const spool = "/var/spool/postfix/"

// TestAddressesReach takes each address of a filter that a page configures in a
// mail server, and opens the socket that the page, or a unit beside it, names for
// the filter. Mail must pass that filter. Postfix runs in a chroot, as on Debian.
// TestPool does this for the page on a load balancer, with the load balancer.
func TestAddressesReach(t *testing.T) {
	t.Parallel()
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{Chroot: true})
	found := 0
	for page, text := range pages(t) {
		text += units(t, page)
		listeners := listeners(text)
		for _, value := range unique(text, `smtpd_milters ?= ?(\{[^}\n]*\}|[^\s\x60]+)`) {
			if behindProxy(value, listeners) {
				continue
			}
			found++
			t.Run("Postfix/"+page+"/"+value, func(t *testing.T) {
				moved := value
				for _, address := range postfixAddresses(value) {
					listener, ok := listeners[postfixKey(address)]
					require.True(t, ok, "%s tells Postfix to connect to %s, and no filter there to listen on it: %v", page, address, listeners)
					place := newPlace(t, postfix.QueueDir())
					place.serve(t, text, listener)
					moved = strings.ReplaceAll(moved, ":9000", ":"+place.port)
				}
				postfix.SetMilters(t, moved)
				passes(t, postfix)
			})
		}
		for _, line := range unique(text, "(INPUT_MAIL_FILTER\\(`\\w+', `[^']*'\\)|S=local:[^\\s`]+)") {
			found++
			t.Run("Sendmail/"+page+"/"+line, func(t *testing.T) {
				t.Parallel()
				address := regexp.MustCompile("S=([^,']+)").FindStringSubmatch(line)[1]
				listener, ok := listeners[sendmailKey(address)]
				require.True(t, ok, "%s tells Sendmail to connect to %s, and no filter to listen on it: %v", page, address, listeners)
				place := newPlace(t, t.TempDir())
				place.serve(t, text, listener)
				if !strings.HasPrefix(line, "INPUT") {
					line = "INPUT_MAIL_FILTER(`filter', `" + line + ", F=T')"
				}
				passes(t, realmta.StartSendmail(t, realmta.SendmailConfig{MC: []string{place.move(line)}}))
			})
		}
	}
	assert.Greater(t, found, 20)
	assert.NotContains(t, postfix.Log(), "warning: connect to Milter service")
}

// units returns the text of the systemd units beside a page.
func units(t *testing.T, page string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*.service", "*.socket"} {
		files, err := filepath.Glob(filepath.Join("..", path.Dir(page), pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			all.WriteString("\n" + string(text))
		}
	}
	return all.String()
}

// unique returns the first groups of all matches, each once.
func unique(text, pattern string) (all []string) {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			all = append(all, m[1])
		}
		seen[m[1]] = true
	}
	return all
}

// listeners returns the addresses on which a page lets filters listen, by what
// [postfixKey] and [sendmailKey] return. A filter of the examples that gets no
// address listens on the default.
func listeners(text string) map[string]string {
	all := map[string]string{}
	for _, pattern := range []string{
		`-(?:listen|p) ['"]?((?:inet|unix):[^\s'"\x60]+)`, `"((?:inet|unix|local):[^"\s]+)"`, `(?m)^ListenStream=(\S+)`,
	} {
		for _, address := range unique(text, pattern) {
			all[listenerKey(address)] = address
		}
	}
	if regexp.MustCompile(`go run \./examples/`).MatchString(text) {
		all["port 9000"] = "inet:9000@127.0.0.1"
	}
	return all
}

func listenerKey(address string) string {
	address, _, _ = strings.Cut(address, "?")
	if kind, rest, ok := strings.Cut(address, ":"); ok {
		port, _, _ := strings.Cut(rest, "@")
		if kind == "inet" {
			return "port " + port
		}
		return rest
	}
	return address
}

// postfixAddresses returns the addresses in a value of smtpd_milters.
func postfixAddresses(value string) []string {
	if inner, ok := strings.CutPrefix(value, "{ "); ok {
		address, _, _ := strings.Cut(inner, ",")
		return []string{address}
	}
	return strings.Split(value, ",")
}

// behindProxy reports whether Postfix reaches the filter through a load balancer.
func behindProxy(value string, listeners map[string]string) bool {
	return slices.ContainsFunc(postfixAddresses(value), func(address string) bool {
		return strings.Contains(listeners[postfixKey(address)], "?proxy=")
	})
}

// postfixKey returns what a Postfix in a chroot connects to.
func postfixKey(address string) string {
	if rest, ok := strings.CutPrefix(address, "unix:"); ok {
		return path.Join(spool, rest)
	}
	return "port " + address[strings.LastIndex(address, ":")+1:]
}

func sendmailKey(address string) string {
	if rest, ok := strings.CutPrefix(address, "local:"); ok {
		return rest
	}
	return listenerKey(address)
}

// place is where a test has the files and ports that a page names.
type place struct{ dir, queue, port string }

func newPlace(t *testing.T, queue string) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "r") //nolint:usetesting // a unix socket needs a short path
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return &place{dir, queue, strconv.Itoa(port(t))}
}

// move returns a text with the places of the test in place of those of the page.
func (p *place) move(text string) string {
	return strings.NewReplacer(
		spool, p.queue+"/", "/run/", p.dir+"/", "/usr/local/bin/", p.dir+"/bin/", "/etc/systemd/system/", p.dir+"/units/",
		"/etc/headerd/", p.dir+"/headerd.d/", "/etc/dkimd/", p.dir+"/dkimd.d/", "/etc/sluiced/", p.dir+"/sluiced.d/", "9000", p.port,
		"chown dkimd ", "chown nobody ", "install -d -o filter ", "install -d -o nobody ",
	).Replace(text)
}

// serve serves a filter on an address of a page. It makes the directory of a unix
// socket with the command on the page, or as root.
func (p *place) serve(t *testing.T, text, address string) {
	t.Helper()
	dir := filepath.Dir(listenerKey(address))
	if command := regexp.MustCompile("install -d [^`\n]*" + regexp.QuoteMeta(dir) + "\\b").FindString(text); command != "" {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", p.move(command)).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	if strings.HasPrefix(address, "/") {
		serveOn(t, p.socketUnit(t, text, address))
		return
	}
	address = p.move(address)
	if strings.HasPrefix(address, "unix:") {
		require.NoError(t, os.MkdirAll(filepath.Dir(listenerKey(address)), 0o755))
	}
	ln, err := framework.Listen(address)
	require.NoError(t, err)
	serveOn(t, ln)
}

// socketUnit opens a unix socket as systemd does for the socket unit that names
// the path.
func (p *place) socketUnit(t *testing.T, text, address string) *net.UnixListener {
	t.Helper()
	_, unit, ok := strings.Cut(text, "ListenStream="+address)
	require.True(t, ok)
	option := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(unit)
		require.NotNil(t, m, name)
		return m[1]
	}
	mode := func(name string) os.FileMode {
		n, err := strconv.ParseUint(option(name), 8, 32)
		require.NoError(t, err)
		return os.FileMode(n)
	}
	file := p.move(address)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), mode("DirectoryMode")))
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: file, Net: "unix"})
	require.NoError(t, err)
	require.NoError(t, os.Chmod(file, mode("SocketMode")))
	out, err := exec.CommandContext(t.Context(), "chgrp", option("SocketGroup"), file).CombinedOutput()
	require.NoError(t, err, string(out))
	return ln
}
