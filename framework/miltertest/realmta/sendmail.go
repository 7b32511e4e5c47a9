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

// SendmailConfig is what a test may choose. The zero value is a Sendmail
// without a filter that accepts mail for every domain.
type SendmailConfig struct {
	// Filters is the list of filters in Sendmail's own syntax, in order:
	// "inet:9000@127.0.0.1", or "local:/path/filter.sock". Equates of
	// INPUT_MAIL_FILTER may follow, and win over the package's own:
	// "inet:9000@127.0.0.1, F=R". They need not be listening yet.
	Filters []string
	// Timeouts hold for every filter.
	Timeouts SendmailTimeouts
	// MC holds further lines of the m4 configuration, after the package's own
	// and before the mailers: a define that is repeated wins.
	MC []string
	// Rules holds further lines of sendmail.cf as it is read, at its end: "O "
	// options, and rules for a rule set begun there.
	Rules []string
	// MailerFlags are added to the flags of the mailer that delivers. "DFM"
	// has it complete a message with Date, From and Message-Id.
	MailerFlags string
	// Sink takes the mail. Nil means a sink of this server's own.
	Sink *Sink
}

// SendmailTimeouts are the T= equates of a filter. Each is in whole seconds; 0
// means 5 seconds for Connect, 20 for Send and Read, and 60 for EndOfMessage.
type SendmailTimeouts struct {
	Connect      time.Duration // C: to connect
	Send         time.Duration // S: to send a command
	Read         time.Duration // R: for the answer to a command
	EndOfMessage time.Duration // E: for the answer to the end of the message
}

// Sendmail is a running mail server. Its methods may be called from several
// goroutines, except for [Sendmail.Reconfigure] and [Sendmail.SetFilters].
type Sendmail struct {
	root  string // of what .ci/install unpacked
	dir   string
	addr  string
	sink  *Sink
	cfg   SendmailConfig
	guard *sendmailGuard
}

var _ MTA = (*Sendmail)(nil)

// StartSendmail starts a Sendmail for this test and stops it when the test and
// its subtests have ended. It fails the test if Sendmail was not unpacked, if
// the user is not root, or if the server does not start. When the test has
// failed, the log is printed.
func StartSendmail(t testing.TB, cfg SendmailConfig) *Sendmail {
	t.Helper()
	s := &Sendmail{root: requireSendmail(t), cfg: cfg}
	if s.sink = cfg.Sink; s.sink == nil {
		s.sink = StartSink(t)
	}
	s.dir = makeSendmailTree(t)
	t.Cleanup(func() { s.reportFailure(t) })
	s.start(t)
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

// QueueDir returns the server's queue directory. A quarantined message has a
// file there whose name begins with "hf".
func (s *Sendmail) QueueDir() string { return filepath.Join(s.dir, "mqueue") }

// SocketDir returns a directory that both the test and Sendmail can reach, for
// unix sockets: see [Sendmail.ListenUnix].
func (s *Sendmail) SocketDir() string { return filepath.Join(s.dir, socketDir) }

// ConfigFile returns the sendmail.cf in use, for Sendmail's own commands.
func (s *Sendmail) ConfigFile() string { return filepath.Join(s.dir, "sendmail.cf") }

// Log returns what the server would have given to syslog so far, each SMTP
// command and reply and each exchange with a filter among it.
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
		t.Fatalf("realmta: the log has no %q after %v", text, waitLimit)
	}
}

// Trace returns the SMTP traffic so far, with the clients and with the sink,
// as Sendmail's option -X writes it: lines of a process number, "<<<" for what
// came in or ">>>" for what went out, and the text.
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

// sendmailStarting and sendmailStarted are what Sendmail logs before and after
// it has opened its port.
const (
	sendmailStarting = "starting daemon ("
	sendmailStarted  = "started as: "
)

// sendmailScript runs in a process namespace of its own, as its first process:
// when it ends, the kernel ends all others there, whatever they have become. It
// obeys orders that come line by line, and ends with the last, or when the
// test's process is gone without a word: then the directory goes too.
//
// The host name is the namespace's own too. A Sendmail on a host whose name
// has no dot sleeps for a minute before it starts.
//
// -D and -d89.8 write to a file what else goes to syslog, and -bD keeps the
// daemon this script's child. The daemon is killed, for it hears nothing else
// while it waits for a port; the connections that it has taken are served on by
// its children.
const sendmailScript = `hostname "$1" || exit 1
run() {
	"$2/usr/libexec/sendmail/sendmail" -C "$1/sendmail.cf" -D "$1/log" -d89.8 -X "$1/trace" -bD \
		</dev/null >>"$1/output" 2>&1 &
	daemon=$!
}
while read -r order; do
	case $order in
	start) run "$2" "$3" ;;
	halt) kill -KILL "$daemon" && wait "$daemon"; echo halted ;;
	stop) exit 0 ;;
	esac
done
rm -rf "$2"
`

// sendmailGuard is the process that runs the script and outlives this one just
// long enough to stop Sendmail. Its shell outside ignores what a terminal
// sends to all, so that the one inside can clean up.
type sendmailGuard struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers io.ReadCloser
}

func (s *Sendmail) startGuard(t testing.TB) {
	t.Helper()
	cmd := exec.Command("sh", "-c",
		`trap '' INT HUP TERM; exec unshare --uts --pid --fork --kill-child sh -c "$@"`, "realmta-guard",
		sendmailScript, "realmta-sendmail", Hostname, s.dir, s.root)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	s.guard = &sendmailGuard{cmd, orders, answers}
	t.Cleanup(func() {
		if err := s.guard.stop(); err != nil {
			t.Errorf("realmta: stopping Sendmail (it runs in namespaces of its own, see unshare): %v\n%s", err, &complaints)
		}
	})
}

// stop ends all of the server's processes and returns when they are gone.
func (g *sendmailGuard) stop() error {
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	_, err := io.WriteString(g.orders, "stop\n")
	return errors.Join(err, g.orders.Close(), g.cmd.Wait())
}

// halt ends the daemon alone, and returns when its port is free.
func (g *sendmailGuard) halt() error {
	expired := time.AfterFunc(waitLimit, func() { _ = g.cmd.Process.Kill() })
	defer expired.Stop()
	if _, err := io.WriteString(g.orders, "halt\n"); err != nil {
		return err
	}
	_, err := io.ReadFull(g.answers, make([]byte, len("halted\n")))
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
// connect, which would disturb the filters.
func (s *Sendmail) startOnce() error {
	before := len(s.Log())
	if err := s.writeConfig(); err != nil {
		return err
	}
	if _, err := io.WriteString(s.guard.orders, "start\n"); err != nil {
		return err
	}
	var fresh string
	// A fault is logged before the daemon has started, or instead.
	failed := func() bool { return strings.Contains(fresh, "SYSERR") }
	started := poll(waitLimit, func() bool {
		log := s.Log()
		fresh = log[min(before, len(log)):]
		return failed() || strings.Contains(fresh, sendmailStarted) && listening(s.addr)
	})
	if !started || failed() {
		return fmt.Errorf("Sendmail has not started on %s:\n%s", s.addr, fresh)
	}
	return nil
}

// listening reports whether a port of 127.0.0.1 is open. Sendmail logs that it
// has started a moment before it listens.
func listening(addr string) bool {
	_, port := splitAddr(addr)
	number, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	sockets, err := os.ReadFile("/proc/net/tcp")
	// Local address in hexadecimal, remote address, state: 0A is LISTEN.
	return err == nil && bytes.Contains(sockets, fmt.Appendf(nil, " 0100007F:%04X 00000000:0000 0A ", number))
}

// Reconfigure has change edit the configuration, and starts the daemon anew on
// the same port. It returns when every new SMTP connection is served with it.
// Connections that are open keep what they began with.
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
