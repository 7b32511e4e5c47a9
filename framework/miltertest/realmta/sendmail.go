package realmta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// SendmailConfig configures [StartSendmail]. The zero value has no filters and
// accepts mail for every domain.
type SendmailConfig struct {
	// Filters lists the filters in Sendmail's syntax, in order:
	// "inet:9000@127.0.0.1", or "local:/path/filter.sock". Equates of
	// INPUT_MAIL_FILTER may follow, and override the package's equates:
	// "inet:9000@127.0.0.1, F=R". The filters need not be listening when
	// Sendmail starts.
	Filters []string
	// Timeouts apply to every filter.
	Timeouts SendmailTimeouts
	// MC holds additional lines of the m4 configuration. They follow the
	// package's lines and precede the mailers, so that a repeated define
	// overrides the package's.
	MC []string
	// Rules holds additional lines at the end of sendmail.cf: "O " options,
	// and rules of a rule set that they begin.
	Rules []string
	// MailerFlags are added to the flags of the mailer that delivers to the
	// sink. With "DFM", the mailer adds missing Date, From and Message-Id
	// fields.
	MailerFlags string
	// Sink receives the mail. If it is nil, StartSendmail starts a sink.
	Sink *Sink
}

// SendmailTimeouts are the T= equates of a filter, in whole seconds. 0 means 5
// seconds for Connect, 20 for Send and Read, and 60 for EndOfMessage.
type SendmailTimeouts struct {
	Connect      time.Duration // C: connecting
	Send         time.Duration // S: sending a command
	Read         time.Duration // R: waiting for the reply to a command
	EndOfMessage time.Duration // E: waiting for the reply to the end of the message
}

// Sendmail is a running Sendmail server. Its methods are safe for concurrent
// use, except [Sendmail.Reconfigure] and [Sendmail.SetFilters].
type Sendmail struct {
	release release
	root    string // the directory of the release into which Sendmail was unpacked
	dir     string
	addr    string
	sink    *Sink
	cfg     SendmailConfig
	guard   *sendmailGuard
}

// StartSendmail starts a Sendmail for this test and stops it when the test and
// its subtests have ended. It fails the test if Sendmail is not unpacked, if
// the user is not root, or if the server does not start. If the test fails, the
// log is printed.
func StartSendmail(t testing.TB, cfg SendmailConfig) *Sendmail {
	t.Helper()
	s := &Sendmail{cfg: cfg}
	s.release, s.root = requireSendmail(t)
	if s.sink = cfg.Sink; s.sink == nil {
		s.sink = StartSink(t)
	}
	s.dir = makeSendmailDirs(t)
	t.Cleanup(func() { s.reportFailure(t) })
	s.start(t)
	countStart(t, s)
	return s
}

// Name implements [MTA].
func (*Sendmail) Name() string { return "sendmail" }

// Version implements [MTA].
func (s *Sendmail) Version() string {
	_, after, _ := strings.Cut(s.Log(), sendmailStarting)
	version, _, _ := strings.Cut(after, ")")
	return version
}

// Addr implements [MTA].
func (s *Sendmail) Addr() string { return s.addr }

// Sink implements [MTA].
func (s *Sendmail) Sink() *Sink { return s.sink }

// Listen implements [MTA].
func (s *Sendmail) Listen(t testing.TB, network string) net.Listener {
	t.Helper()
	if network == "unix" {
		listener, _ := s.ListenUnix(t, socketName(s.SocketDir()))
		return listener
	}
	return listenTCP(t, network)
}

// ListenUnix listens on a unix socket with the given name in
// [Sendmail.SocketDir]. It returns the listener and its address in Sendmail's
// syntax. The listener is closed when the test ends.
func (s *Sendmail) ListenUnix(t testing.TB, name string) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(s.SocketDir(), name)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener, sendmailFilter(listener.Addr())
}

// QueueDir returns the server's queue directory. It contains, for each
// quarantined message, a file whose name begins with "hf".
func (s *Sendmail) QueueDir() string { return filepath.Join(s.dir, "mqueue") }

// SocketDir returns a directory for unix sockets that both the test and
// Sendmail can reach: see [Sendmail.ListenUnix].
func (s *Sendmail) SocketDir() string { return filepath.Join(s.dir, socketDir) }

// ConfigFile returns the path of the sendmail.cf in use, for Sendmail's
// commands.
func (s *Sendmail) ConfigFile() string { return filepath.Join(s.dir, "sendmail.cf") }

// Log returns what the server has logged so far. Sendmail writes to this log
// instead of syslog, and includes each SMTP command and reply and each exchange
// with a filter.
func (s *Sendmail) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return "no log: " + err.Error()
	}
	return string(text)
}

// AwaitLog implements [MTA].
func (s *Sendmail) AwaitLog(t testing.TB, text string) {
	t.Helper()
	if !poll(waitLimit, func() bool { return strings.Contains(s.Log(), text) }) {
		t.Fatalf("realmta: the log does not contain %q after %v", text, waitLimit)
	}
}

// Trace returns the SMTP traffic with the clients and with the sink so far, in
// the format of Sendmail's option -X. Each line contains a process number,
// "<<<" for received or ">>>" for sent data, and the text.
func (s *Sendmail) Trace() string {
	text, err := os.ReadFile(s.tracePath())
	if err != nil {
		return "no trace: " + err.Error()
	}
	return string(text)
}

func (s *Sendmail) logPath() string   { return filepath.Join(s.dir, "log") }
func (s *Sendmail) tracePath() string { return filepath.Join(s.dir, "trace") }

func (s *Sendmail) reportFailure(t testing.TB) {
	t.Helper()
	if t.Failed() {
		t.Logf("realmta: log of %s:\n%s", s.addr, s.Log())
	}
}

// Sendmail logs sendmailStarting before it opens its port, and sendmailStarted
// afterwards.
const (
	sendmailStarting = "starting daemon ("
	sendmailStarted  = "started as: "
)

// sendmailScript runs as the first process of a new PID namespace. When it
// exits, the kernel kills all other processes of the namespace. It reads
// commands line by line and exits after "stop", or when its input ends. The
// input ends if the test's process dies without a cleanup; then the script also
// removes the directory.
//
// It also runs in a new UTS namespace, so that it can set the host name. On a
// host whose name contains no dot, Sendmail sleeps for a minute before it
// starts.
//
// The options -D and -d89.8 write to a file what Sendmail would send to syslog,
// and -bD keeps the daemon a child of the script. The script kills the daemon,
// because the daemon does not handle signals while it waits for a port. The
// daemon's children continue to serve the open connections.
//
// The arguments are the host name, the server's directory, and the words of the
// command that runs Sendmail.
const sendmailScript = `hostname "$1" || exit 1
dir=$2
shift 2
while read -r order; do
	case $order in
	start)
		"$@" -C "$dir/sendmail.cf" -D "$dir/log" -d89.8 -X "$dir/trace" -bD </dev/null >>"$dir/output" 2>&1 &
		daemon=$!
		;;
	halt) kill -KILL "$daemon" && wait "$daemon"; echo halted ;;
	stop) exit 0 ;;
	esac
done
rm -rf "$dir"
`

// sendmailGuard is the process that runs the script. It outlives the test's
// process just long enough to stop Sendmail. Its outer shell ignores the
// signals that a terminal sends to all processes, so that the inner shell can
// clean up.
type sendmailGuard struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
}

func (s *Sendmail) startGuard(t testing.TB) {
	t.Helper()
	args := []string{
		"-c", `trap '' INT HUP TERM; exec unshare --uts --pid --fork --kill-child sh -c "$@"`, "realmta-guard",
		sendmailScript, "realmta-sendmail", Hostname, s.dir,
	}
	args = append(args, s.release.words(filepath.Join(s.root, sendmailProgram))...)
	cmd := exec.Command("sh", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	s.guard = &sendmailGuard{cmd, stdin, stdout}
	t.Cleanup(func() {
		if err := s.guard.stop(); err != nil {
			t.Errorf("realmta: stopping Sendmail (it runs in separate namespaces, see unshare): %v\n%s", err, &stderr)
		}
	})
}

// stop stops the server and returns when all its processes have ended.
func (g *sendmailGuard) stop() error {
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	_, err := io.WriteString(g.stdin, "stop\n")
	return errors.Join(err, g.stdin.Close(), g.cmd.Wait())
}

// halt stops only the daemon, and returns when its port is free.
func (g *sendmailGuard) halt() error {
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	if _, err := io.WriteString(g.stdin, "halt\n"); err != nil {
		return err
	}
	_, err := io.ReadFull(g.stdout, make([]byte, len("halted\n")))
	return err
}

// start starts the server on a free port.
func (s *Sendmail) start(t testing.TB) {
	t.Helper()
	s.startGuard(t)
	var err error
	for range startTries {
		if s.addr, err = freeAddr(); err == nil {
			err = s.startOnce()
		}
		if err == nil {
			return
		}
		err = errors.Join(err, s.guard.halt())
	}
	t.Fatalf("realmta: %v", err)
}

// startOnce starts the daemon and returns when its port is open. It does not
// connect to check the port, because a connection would reach the filters.
func (s *Sendmail) startOnce() error {
	before := len(s.Log())
	if err := s.writeConfig(); err != nil {
		return err
	}
	if _, err := io.WriteString(s.guard.stdin, "start\n"); err != nil {
		return err
	}
	var fresh string
	// Sendmail logs an error before it has started, or instead of starting.
	failed := func() bool { return strings.Contains(fresh, "SYSERR") }
	started := poll(waitLimit, func() bool {
		log := s.Log()
		fresh = log[min(before, len(log)):]
		return failed() || strings.Contains(fresh, sendmailStarted) && listening(s.addr)
	})
	if !started || failed() {
		return fmt.Errorf("Sendmail did not start on %s:\n%s", s.addr, fresh)
	}
	return nil
}

// listening reports whether a port of 127.0.0.1 is open. Sendmail logs that it
// has started slightly before it listens.
func listening(addr string) bool {
	_, port := splitAddr(addr)
	number, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	sockets, err := os.ReadFile("/proc/net/tcp")
	// The fields are the local address in hexadecimal, the remote address,
	// and the state. 0A is LISTEN.
	return err == nil && bytes.Contains(sockets, fmt.Appendf(nil, " 0100007F:%04X 00000000:0000 0A ", number))
}

// Reconfigure changes the configuration by calling change, and restarts the
// daemon on the same port. It returns when every new SMTP connection uses the
// new configuration. Open connections keep the configuration that they started
// with.
func (s *Sendmail) Reconfigure(t testing.TB, change func(*SendmailConfig)) {
	t.Helper()
	change(&s.cfg)
	if err := s.guard.halt(); err != nil {
		t.Fatalf("realmta: stopping Sendmail's daemon: %v", err)
	}
	if err := s.startOnce(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
}

// SetFilters implements [MTA].
func (s *Sendmail) SetFilters(t testing.TB, filters ...net.Addr) {
	t.Helper()
	s.Reconfigure(t, func(cfg *SendmailConfig) {
		cfg.Filters = nil
		for _, addr := range filters {
			cfg.Filters = append(cfg.Filters, sendmailFilter(addr))
		}
	})
}
