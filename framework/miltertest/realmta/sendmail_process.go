package realmta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

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
