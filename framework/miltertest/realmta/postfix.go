package realmta

import (
	"os"
	"path/filepath"
	"strings"
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
