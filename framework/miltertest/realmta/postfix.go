package realmta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Hostname is the name under which the servers of this package greet, and
// which they write into the trace field that they add.
const Hostname = "mx.example.test"

// PostfixConfig is what a test may choose. The zero value is a Postfix
// without a milter that accepts mail from this host for every domain, and from
// others for none. To pretend to be another client by XCLIENT, set these in Main:
//
//	"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
//	"smtpd_relay_restrictions":       "reject_unauth_destination", // take mail for example.test
//	"inet_protocols":                 "all",                       // with IPv6 clients too
type PostfixConfig struct {
	// Milters is the list of filters in Postfix's own syntax, in order:
	// "inet:127.0.0.1:9000", or "unix:milter/filter.sock" for a socket in
	// [Postfix.SocketDir]. They need not be listening yet.
	Milters []string
	// Main holds further parameters for main.cf. They win over the
	// package's own.
	Main map[string]string
	// Sink takes the mail. Nil means a sink of this server's own.
	Sink *Sink
}

// Postfix is a running mail server. Its methods may be called from several
// goroutines, except for [Postfix.Reconfigure].
type Postfix struct {
	dir    string
	addr   string
	sink   *Sink
	params map[string]string
}

// StartPostfix starts a Postfix for this test and stops it when the test and
// its subtests have ended. It fails the test if Postfix is not installed, if
// the user is not root, or if the server does not start. When the test has
// failed, the mail log is printed.
func StartPostfix(t testing.TB, cfg PostfixConfig) *Postfix {
	t.Helper()
	requirePostfix(t)
	if cfg.Sink == nil {
		cfg.Sink = StartSink(t)
	}
	p := &Postfix{dir: makeTree(t), sink: cfg.Sink}
	p.params = p.mainParams(cfg)
	t.Cleanup(func() { p.reportFailure(t) })
	p.start(t)
	return p
}

// Addr returns the host and port on which the server takes mail by SMTP.
func (p *Postfix) Addr() string { return p.addr }

// Sink returns where the server's mail arrives.
func (p *Postfix) Sink() *Sink { return p.sink }

// QueueDir returns the server's queue directory, below which quarantined
// mail is found in "hold".
func (p *Postfix) QueueDir() string { return filepath.Join(p.dir, "queue") }

// SocketDir returns a directory that both the test and Postfix can reach, for
// unix sockets. Postfix knows it as "milter", relative to its queue. A socket
// made in it must allow writing by others (0666), for Postfix connects as a
// user of its own; [Postfix.ListenUnix] sees to that.
func (p *Postfix) SocketDir() string { return filepath.Join(p.QueueDir(), socketDir) }

// ConfigDir returns the directory with main.cf, for Postfix's own commands:
// "postqueue -c DIR -p", "postsuper -c DIR -d ALL".
func (p *Postfix) ConfigDir() string { return filepath.Join(p.dir, "etc") }

// Log returns what the server has logged so far. Postfix logs a moment after
// it acts: use [Postfix.AwaitLog] to wait for a line.
func (p *Postfix) Log() string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return "no mail log: " + err.Error()
	}
	return string(text)
}

// AwaitLog waits until the log holds the text, and fails the test if it does
// not in half a minute.
func (p *Postfix) AwaitLog(t testing.TB, text string) {
	t.Helper()
	if !poll(waitLimit, func() bool { return strings.Contains(p.Log(), text) }) {
		t.Fatalf("realmta: the mail log has no %q after %v", text, waitLimit)
	}
}

func (p *Postfix) logPath() string { return filepath.Join(p.dir, "mail.log") }

func (p *Postfix) reportFailure(t testing.TB) {
	t.Helper()
	if t.Failed() {
		t.Logf("realmta: mail log of %s:\n%s", p.addr, p.Log())
	}
}

// waitLimit bounds every wait of this package that has no limit of its own.
const waitLimit = 30 * time.Second

// poll calls done until it is true or the limit has passed.
func poll(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

var _ MTA = (*Postfix)(nil)

// Name implements [MTA].
func (*Postfix) Name() string { return "postfix" }

// Version implements [MTA].
func (*Postfix) Version() string {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "postconf", "-d", "-h", "mail_version").Output()
	if err != nil {
		return "unknown: " + err.Error()
	}
	return strings.TrimSpace(string(out))
}

// Listen implements [MTA].
func (p *Postfix) Listen(t testing.TB, network string) net.Listener {
	t.Helper()
	if network == "unix" {
		listener, _ := p.ListenUnix(t, socketName(p.SocketDir()))
		return listener
	}
	return listenTCP(t, network)
}

// SetFilters implements [MTA].
func (p *Postfix) SetFilters(t testing.TB, filters ...net.Addr) {
	t.Helper()
	milters := make([]string, len(filters))
	for i, addr := range filters {
		milters[i] = postfixFilter(addr)
	}
	p.SetMilters(t, milters...)
}

// postfixFilter returns an address in the syntax of smtpd_milters.
func postfixFilter(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	return "inet:" + addr.String()
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }

// startTries is how often a port is chosen anew: somebody else may take it
// between the moment it was found free and the moment Postfix binds it.
const startTries = 3

// start starts the server. "postfix start" returns when the port is open, so
// there is no need to connect to it; a connection would disturb the filters.
func (p *Postfix) start(t testing.TB) {
	t.Helper()
	guard := p.guard(t)
	t.Cleanup(func() { guard.stopServer(t) })
	var err error
	for range startTries {
		if err = p.startOnce(); err == nil {
			return
		}
	}
	t.Fatalf("realmta: %v\n%s", err, p.Log())
}

func (p *Postfix) startOnce() error {
	var err error
	if p.addr, err = freeAddr(); err != nil {
		return err
	}
	if err := p.writeConfig(); err != nil {
		return err
	}
	return p.command("start")
}

// Reconfigure sets parameters of main.cf, reloads, and returns when every new
// SMTP connection is served with them. Connections that are open keep what
// they began with.
func (p *Postfix) Reconfigure(t testing.TB, params map[string]string) {
	t.Helper()
	const reloaded = "reload -- version"
	before := strings.Count(p.Log(), reloaded)
	maps.Copy(p.params, params)
	if err := p.writeConfig(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	reload := func() bool { return strings.Count(p.Log(), reloaded) > before }
	for end := time.Now().Add(waitLimit); time.Now().Before(end); {
		if err := p.hangUp(); err != nil {
			t.Fatalf("realmta: %v", err)
		}
		// Under load a signal was lost, or the line about it.
		if poll(2*time.Second, reload) {
			return
		}
	}
	t.Fatalf("realmta: Postfix has not reloaded after %v", waitLimit)
}

// hangUp makes the master read its configuration anew. That is what "postfix
// reload" does too, after a check of the queue that takes a second.
func (p *Postfix) hangUp() error {
	text, err := os.ReadFile(filepath.Join(p.QueueDir(), "pid", "master.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	master, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return master.Signal(syscall.SIGHUP)
}

// SetMilters has Reconfigure set the list of filters.
func (p *Postfix) SetMilters(t testing.TB, milters ...string) {
	t.Helper()
	p.Reconfigure(t, map[string]string{"smtpd_milters": strings.Join(milters, ", ")})
}

// command runs "postfix start" and the like on this server.
func (p *Postfix) command(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "postfix", "-c", p.ConfigDir(), name)
	// A daemon that inherits the pipe must not keep the test waiting.
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postfix %s: %w\n%s", name, err, out)
	}
	return nil
}

// guardScript waits for a line that asks it to stop the server, or for the end
// of its input: then the test's process is gone without a word, and the
// directory goes too. The mail is thrown away anyhow, so all processes of the
// server's group are killed, which is done at once; a polite stop takes seconds.
// The kill is repeated, for a process that was being forked, but not for long:
// the dead are listed until init has collected them.
const guardScript = `trap '' INT HUP TERM
read -r order || order=abandoned
master=$(tr -d ' ' <"$1/queue/pid/master.pid" 2>/dev/null)
if [ -n "$master" ]; then
	tries=20
	while kill -s KILL -- "-$master" 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do sleep 0.01; done
fi
[ "$order" = stop ] || rm -rf "$1"
exit 0
`

// guard is a process that outlives this one just long enough to stop Postfix.
type guard struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
}

func (p *Postfix) guard(t testing.TB) *guard {
	t.Helper()
	cmd := exec.Command("sh", "-c", guardScript, "realmta-guard", filepath.Clean(p.dir))
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return &guard{cmd: cmd, orders: orders}
}

// stopServer has the server stopped and returns when it is gone.
func (g *guard) stopServer(t testing.TB) {
	t.Helper()
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	_, err := io.WriteString(g.orders, "stop\n")
	if err = errors.Join(err, g.orders.Close(), g.cmd.Wait()); err != nil {
		t.Errorf("realmta: stopping Postfix: %v", err)
	}
}
