package realmta

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mc is the configuration of a server that takes what it is given, from
// anybody to anybody, at any load, without asking the DNS or the client, and
// hands it to the mailer that the package brings itself.
const mc = "OSTYPE(`linux')\n" +
	"define(`QUEUE_DIR', `%[1]s/mqueue')\n" +
	"define(`confPID_FILE', `%[1]s/pid')\n" +
	"define(`STATUS_FILE', `%[1]s/statistics')\n" +
	"define(`HELP_FILE', `/dev/null')\n" +
	"define(`ALIAS_FILE', `')\n" +
	"define(`confDOMAIN_NAME', `" + Hostname + "')\n" +
	"define(`confDONT_PROBE_INTERFACES', `true')\n" +
	"define(`confQUEUE_LA', `1000')\n" +
	"define(`confREFUSE_LA', `1000')\n" +
	"define(`confTO_IDENT', `0')\n" +
	"define(`confLOG_LEVEL', `20')\n" +
	"define(`confPRIVACY_FLAGS', `')\n" +
	"define(`confBAD_RCPT_THROTTLE', `0')\n" +
	"define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit,AssumeSafeChown')\n" +
	"FEATURE(`accept_unresolvable_domains')\n" +
	"FEATURE(`accept_unqualified_senders')\n" +
	"FEATURE(`promiscuous_relay')\n" +
	"FEATURE(`no_default_msa')\n" +
	"FEATURE(`nocanonify')\n" +
	"define(`SMART_HOST', `sink:[127.0.0.1]')\n" +
	"DAEMON_OPTIONS(`Name=MTA, Addr=%[2]s, Port=%[3]s, Family=inet')\n"

// mailer is the way to the sink: like Sendmail's own "esmtp", but that it adds
// nothing (no flags D, F, M), converts nothing (8), cuts no lines (L=0), and
// takes all recipients at once (r). The rule sets are the envelope's alone, so
// that no address in a header is rewritten.
const mailer = "MAILER(`smtp')\n" +
	"MAILER_DEFINITIONS\n" +
	"Msink,\tP=[IPC], F=mua8X%[1]s, S=EnvFromSMTP/0, R=EnvToSMTP/0, E=\\r\\n, L=0, r=10000,\n" +
	"\tT=DNS/RFC822/SMTP,\n" +
	"\tA=TCP $h %[2]s\n"

// mcText is the source that m4 turns into sendmail.cf.
func (s *Sendmail) mcText() string {
	var b strings.Builder
	host, port := splitAddr(s.addr)
	fmt.Fprintf(&b, mc, s.dir, host, port)
	for i, filter := range s.cfg.Filters {
		fmt.Fprintf(&b, "INPUT_MAIL_FILTER(`filter%d', `S=%s')\n", i+1, s.cfg.Timeouts.equates(filter))
	}
	for _, line := range s.cfg.MC {
		b.WriteString(line + "\n")
	}
	_, sink := splitAddr(s.sink.Addr())
	fmt.Fprintf(&b, mailer, s.cfg.MailerFlags, sink)
	return b.String()
}

// equates completes a filter's address. F=T makes a filter that fails refuse
// for now.
func (o SendmailTimeouts) equates(filter string) string {
	if !strings.Contains(filter, "F=") {
		filter += ", F=T"
	}
	if strings.Contains(filter, "T=C:") {
		return filter
	}
	whole := func(d, usual time.Duration) int { return int(cmp.Or(d, usual) / time.Second) }
	return fmt.Sprintf("%s, T=C:%ds;S:%ds;R:%ds;E:%ds", filter, whole(o.Connect, 5*time.Second),
		whole(o.Send, 20*time.Second), whole(o.Read, 20*time.Second), whole(o.EndOfMessage, time.Minute))
}

// writeConfig has m4 make sendmail.cf.
func (s *Sendmail) writeConfig() error {
	source := filepath.Join(s.dir, "sendmail.mc")
	if err := os.WriteFile(source, []byte(s.mcText()), 0o600); err != nil {
		return err
	}
	cf := filepath.Join(s.root, "usr/share/sendmail/cf") + "/"
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "m4", "-D_CF_DIR_="+cf, cf+"m4/cf.m4", source)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("m4: %w\n%s", err, complaints.Bytes())
	}
	for _, line := range s.cfg.Rules {
		out.WriteString(line + "\n")
	}
	return os.WriteFile(s.ConfigFile(), out.Bytes(), 0o600)
}

// sendmailFilter returns an address in the syntax of INPUT_MAIL_FILTER.
func sendmailFilter(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "local:" + addr.String()
	}
	host, port := splitAddr(addr.String())
	return "inet:" + port + "@" + host
}

const (
	// sendmailVariable overrides sendmailRoot, for the tests and for
	// .ci/install.
	sendmailVariable = "SLUICE_SENDMAIL"
	// sendmailRoot is where .ci/install unpacks Sendmail.
	sendmailRoot = "/opt/sluice-sendmail"
)

// requireSendmail returns where Sendmail was unpacked, and ends the test where
// it cannot run.
func requireSendmail(t testing.TB) string {
	t.Helper()
	root := cmp.Or(os.Getenv(sendmailVariable), sendmailRoot)
	for _, file := range []string{"usr/libexec/sendmail/sendmail", "usr/share/sendmail/cf/m4/cf.m4"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil { //nolint:gosec // the tester's own variable
			t.Fatalf("realmta: Sendmail is not unpacked in %s (run \"make install\" as root, or set %s): %v",
				root, sendmailVariable, err)
		}
	}
	for _, command := range []string{"m4", "unshare", "hostname"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Fatalf("realmta: Sendmail's test needs %s (run \"make install\" as root): %v", command, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Fatal("realmta: Sendmail must be started by root")
	}
	return root
}

// makeSendmailTree makes the server's directories and has them removed at the
// end. The queue must be closed to others.
func makeSendmailTree(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(treeParent, "realmta-") //nolint:usetesting // a unix socket needs a short path
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	err = errors.Join(
		makeDir(dir, 0o755),
		makeDir(filepath.Join(dir, "mqueue"), 0o700),
		makeDir(filepath.Join(dir, socketDir), 0o755),
		os.WriteFile(filepath.Join(dir, "statistics"), nil, 0o600), // else each message logs that it is not there
	)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return dir
}

// ListenUnix listens on a unix socket of that name in [Sendmail.SocketDir]. It
// returns the listener and the address in Sendmail's syntax. The listener is
// closed when the test ends.
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

// Listen implements [MTA].
func (s *Sendmail) Listen(t testing.TB, network string) net.Listener {
	t.Helper()
	if network == "unix" {
		listener, _ := s.ListenUnix(t, socketName(s.SocketDir()))
		return listener
	}
	return listenTCP(t, network)
}

func listenTCP(t testing.TB, network string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// socketName returns a name that is not taken in the directory.
func socketName(dir string) string {
	for n := 1; ; n++ {
		name := "filter" + strconv.Itoa(n) + ".sock"
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return name
		}
	}
}
