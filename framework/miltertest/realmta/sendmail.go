package realmta

import (
	"os"
	"path/filepath"
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
