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
	"sync"
	"syscall"
	"testing"
	"time"
)

// PostfixConfig configures [StartPostfix]. The zero value has no milters,
// accepts mail from this host for every domain, and accepts no mail from other
// hosts. To simulate another client with XCLIENT, set these parameters in Main:
//
//	"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
//	"smtpd_relay_restrictions":       "reject_unauth_destination", // take mail for example.test
//	"inet_protocols":                 "all",                       // with IPv6 clients too
type PostfixConfig struct {
	// Milters lists the filters in Postfix's syntax, in order:
	// "inet:127.0.0.1:9000", or "unix:milter/filter.sock" for a socket in
	// [Postfix.SocketDir]. They need not be listening when Postfix starts.
	Milters []string
	// Main holds additional parameters for main.cf. They override the
	// package's parameters.
	Main map[string]string
	// Chroot runs smtpd and the other services that Debian's master.cf
	// runs in a chroot in a chroot in the queue directory. They then find
	// only the sockets below that directory.
	Chroot bool
	// Sink receives the mail. If it is nil, StartPostfix starts a sink.
	Sink *Sink
}

// Postfix is a running Postfix server. Its methods are safe for concurrent use,
// except [Postfix.Reconfigure] and the methods that call it.
type Postfix struct {
	release release
	version func() string
	dir     string
	addr    string
	sink    *Sink
	params  map[string]string
	chroot  bool
}

// StartPostfix starts a Postfix for this test and stops it when the test and
// its subtests have ended. It fails the test if Postfix is not installed, if
// the user is not root, or if the server does not start. If the test fails, the
// mail log is printed.
func StartPostfix(t testing.TB, cfg PostfixConfig) *Postfix {
	t.Helper()
	rel := requirePostfix(t)
	if cfg.Sink == nil {
		cfg.Sink = StartSink(t)
	}
	p := &Postfix{release: rel, dir: makePostfixDirs(t, rel), sink: cfg.Sink, chroot: cfg.Chroot}
	p.version = sync.OnceValue(p.askVersion)
	p.params = p.mainParams(cfg)
	t.Cleanup(func() { p.reportFailure(t) })
	p.start(t)
	countStart(t, p)
	return p
}

// Addr returns the host and port of the server's SMTP listener.
func (p *Postfix) Addr() string { return p.addr }

// Sink returns the sink that the server delivers all mail to.
func (p *Postfix) Sink() *Sink { return p.sink }

// QueueDir returns the server's queue directory. Quarantined mail is in its
// subdirectory "hold".
func (p *Postfix) QueueDir() string { return filepath.Join(p.dir, "queue") }

// SocketDir returns a directory for unix sockets that both the test and Postfix
// can reach. In Postfix's configuration it is "milter", relative to the queue
// directory. A socket in it must be writable for others (0666), because Postfix
// connects as an unprivileged user. [Postfix.ListenUnix] sets this mode.
func (p *Postfix) SocketDir() string { return filepath.Join(p.QueueDir(), socketDir) }

// ConfigDir returns the directory that contains main.cf.
func (p *Postfix) ConfigDir() string { return filepath.Join(p.dir, "etc") }

// Command returns a command that runs one of Postfix's commands, such as
// "postqueue" or "postsuper", for this server. The command is of the server's
// version, which need not be the version that the host has installed.
func (p *Postfix) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := p.release.command(ctx, name, args...)
	cmd.Env = append(os.Environ(), "MAIL_CONFIG="+p.ConfigDir())
	return cmd
}

// Log returns what the server has logged so far. Postfix logs asynchronously:
// use [Postfix.AwaitLog] to wait for a line.
func (p *Postfix) Log() string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return "no mail log: " + err.Error()
	}
	return string(text)
}

// AwaitLog waits until the log contains the text. It fails the test after 2
// minutes.
func (p *Postfix) AwaitLog(t testing.TB, text string) {
	t.Helper()
	if !poll(waitLimit, func() bool { return strings.Contains(p.Log(), text) }) {
		t.Fatalf("realmta: the mail log does not contain %q after %v", text, waitLimit)
	}
}

func (p *Postfix) logPath() string { return filepath.Join(p.dir, "mail.log") }

func (p *Postfix) reportFailure(t testing.TB) {
	t.Helper()
	if t.Failed() {
		t.Logf("realmta: mail log of %s:\n%s", p.addr, p.Log())
	}
}

// Name implements [MTA].
func (*Postfix) Name() string { return "postfix" }

// Version implements [MTA].
func (p *Postfix) Version() string { return p.version() }

func (p *Postfix) askVersion() string {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	out, err := p.release.command(ctx, "postconf", "-d", "-h", "mail_version").Output()
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

// ListenUnix listens on a unix socket with the given name in
// [Postfix.SocketDir], with a mode that lets Postfix connect. It returns the
// listener and its address in the syntax of smtpd_milters. The listener is
// closed when the test ends.
func (p *Postfix) ListenUnix(t testing.TB, name string) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(p.SocketDir(), name)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return listener, "unix:" + filepath.Join(socketDir, name)
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

// start starts the server. "postfix start" returns when the port is open, so
// start does not connect to check the port. A connection would reach the
// filters.
func (p *Postfix) start(t testing.TB) {
	t.Helper()
	guard := p.startGuard(t)
	t.Cleanup(func() { guard.stop(t) })
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
	// With this file, "postfix start" does not check the directories and the owners of
	// files. The check takes longer than the start, and makePostfixDirs has made them
	// right. Postfix removes the file.
	if err := os.WriteFile(filepath.Join(p.QueueDir(), "quick-start"), nil, 0o600); err != nil {
		return err
	}
	return p.command("start")
}

// Reconfigure sets parameters of main.cf and reloads Postfix. It returns when
// every new SMTP connection uses them. Open connections keep the configuration
// that they started with.
func (p *Postfix) Reconfigure(t testing.TB, params map[string]string) {
	t.Helper()
	const reloaded = "reload -- version"
	before := strings.Count(p.Log(), reloaded)
	maps.Copy(p.params, params)
	if err := p.writeConfig(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	hasReloaded := func() bool { return strings.Count(p.Log(), reloaded) > before }
	for end := time.Now().Add(waitLimit); time.Now().Before(end); {
		if err := p.signalReload(); err != nil {
			t.Fatalf("realmta: %v", err)
		}
		// Under load, the signal or its log line can get lost.
		if poll(2*time.Second, hasReloaded) {
			return
		}
	}
	t.Fatalf("realmta: Postfix has not reloaded after %v", waitLimit)
}

// signalReload makes Postfix's master process read its configuration again.
// "postfix reload" does the same, but first checks the queue, which takes a
// second.
func (p *Postfix) signalReload() error {
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

// SetMilters sets the list of filters, in Postfix's syntax, and reloads Postfix
// as [Postfix.Reconfigure] does.
func (p *Postfix) SetMilters(t testing.TB, milters ...string) {
	t.Helper()
	p.Reconfigure(t, map[string]string{"smtpd_milters": strings.Join(milters, ", ")})
}

// command runs a command of Postfix's, such as "postfix start", on this server.
func (p *Postfix) command(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := p.release.command(ctx, "postfix", "-c", p.ConfigDir(), name)
	// A daemon inherits the output pipe and would keep the test waiting.
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postfix %s: %w\n%s", name, err, out)
	}
	return nil
}

// guardScript stops the server when it reads the line "stop", or when its input
// ends. The input ends if the test's process dies without a cleanup; then the
// script also removes the directory.
//
// The script kills all processes of the server's process group. That is faster
// than "postfix stop", which takes seconds, and the queued mail is not needed.
// It repeats the kill, up to a limit, while a process of the group is alive: one may
// have been forking at that moment. A dead process stays in the group, with the state
// Z, until init has reaped it. (In a process's stat, the state, the parent and the
// group follow the name, which is in parentheses.)
const guardScript = `trap '' INT HUP TERM
read -r order || order=abandoned
master=$(tr -d ' ' <"$1/queue/pid/master.pid" 2>/dev/null)
if [ -n "$master" ]; then
	tries=200
	while kill -s KILL -- "-$master" 2>/dev/null && grep -qsE "\) [^XZ] [0-9]+ $master " /proc/[0-9]*/stat &&
		[ $((tries -= 1)) -gt 0 ]; do sleep 0.01; done
fi
[ "$order" = stop ] || rm -rf "$1"
exit 0
`

// postfixGuard is a process that outlives the test's process just long enough
// to stop Postfix.
type postfixGuard struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func (p *Postfix) startGuard(t testing.TB) *postfixGuard {
	t.Helper()
	cmd := exec.Command("sh", "-c", guardScript, "realmta-guard", filepath.Clean(p.dir))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return &postfixGuard{cmd: cmd, stdin: stdin}
}

// stop stops the server and returns when its processes have ended.
func (g *postfixGuard) stop(t testing.TB) {
	t.Helper()
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	_, err := io.WriteString(g.stdin, "stop\n")
	if err = errors.Join(err, g.stdin.Close(), g.cmd.Wait()); err != nil {
		t.Errorf("realmta: stopping Postfix: %v", err)
	}
}
