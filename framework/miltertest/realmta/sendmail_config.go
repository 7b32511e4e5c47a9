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
	"strings"
	"testing"
	"time"
)

// mcTemplate is the m4 configuration of a server that accepts mail from and for
// everyone, at any load, without DNS or ident queries, and passes it to the
// mailer "sink".
const mcTemplate = "OSTYPE(`linux')\n" +
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

// mailerTemplate defines the mailer "sink". It is like Sendmail's "esmtp", but
// adds no fields (no flags D, F, M), converts nothing (8), does not limit the
// line length (L=0), and delivers to all recipients at once (r). Its rule sets
// apply to the envelope only, so that no address in a header is rewritten.
const mailerTemplate = "MAILER(`smtp')\n" +
	"MAILER_DEFINITIONS\n" +
	"Msink,\tP=[IPC], F=mua8X%[1]s, S=EnvFromSMTP/0, R=EnvToSMTP/0, E=\\r\\n, L=0, r=10000,\n" +
	"\tT=DNS/RFC822/SMTP,\n" +
	"\tA=TCP $h %[2]s\n"

// mcText returns the source from which m4 generates sendmail.cf.
func (s *Sendmail) mcText() string {
	var b strings.Builder
	host, port := splitAddr(s.addr)
	fmt.Fprintf(&b, mcTemplate, s.dir, host, port)
	for i, filter := range s.cfg.Filters {
		fmt.Fprintf(&b, "INPUT_MAIL_FILTER(`filter%d', `S=%s')\n", i+1, s.cfg.Timeouts.equates(filter))
	}
	for _, line := range s.cfg.MC {
		b.WriteString(line + "\n")
	}
	_, sink := splitAddr(s.sink.Addr())
	fmt.Fprintf(&b, mailerTemplate, s.cfg.MailerFlags, sink)
	return b.String()
}

// equates adds the package's equates to a filter's address. With F=T, Sendmail
// refuses the message temporarily if the filter fails.
func (o SendmailTimeouts) equates(filter string) string {
	if !strings.Contains(filter, "F=") {
		filter += ", F=T"
	}
	if strings.Contains(filter, "T=C:") {
		return filter
	}
	secondsOr := func(d, usual time.Duration) int { return int(cmp.Or(d, usual) / time.Second) }
	return fmt.Sprintf("%s, T=C:%ds;S:%ds;R:%ds;E:%ds", filter, secondsOr(o.Connect, 5*time.Second),
		secondsOr(o.Send, 20*time.Second), secondsOr(o.Read, 20*time.Second), secondsOr(o.EndOfMessage, time.Minute))
}

// writeConfig generates sendmail.cf with m4.
func (s *Sendmail) writeConfig() error {
	source := filepath.Join(s.dir, "sendmail.mc")
	if err := os.WriteFile(source, []byte(s.mcText()), 0o600); err != nil {
		return err
	}
	cf := s.release.path(filepath.Join(s.root, "usr/share/sendmail/cf")) + "/"
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "m4", "-D_CF_DIR_="+cf, cf+"m4/cf.m4", source)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("m4: %w\n%s", err, stderr.Bytes())
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
	// sendmailVariable is the environment variable that overrides
	// sendmailRoot, for the tests and for .ci/install.
	sendmailVariable = "SLUICE_SENDMAIL"
	// sendmailRoot is the directory into which .ci/install unpacks
	// Sendmail, and .ci/mtas in the folder of a release.
	sendmailRoot = "/opt/sluice-sendmail"
	// sendmailProgram is below that directory.
	sendmailProgram = "usr/libexec/sendmail/sendmail"
)

// requireSendmail returns the release whose Sendmail runs, and the directory of
// the release into which it was unpacked. It ends the test if Sendmail cannot
// run.
func requireSendmail(t testing.TB) (rel release, root string) {
	t.Helper()
	rel, err := findRelease(os.Getenv)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	root = sendmailRoot
	if rel.root == "" {
		root = cmp.Or(os.Getenv(sendmailVariable), sendmailRoot)
	}
	for _, file := range []string{sendmailProgram, "usr/share/sendmail/cf/m4/cf.m4"} {
		if _, err := os.Stat(rel.path(filepath.Join(root, file))); err != nil {
			t.Fatalf("realmta: Sendmail is not unpacked in %s (%s): %v",
				rel.path(root), rel.remedy("run \"make install\" as root, or set "+sendmailVariable), err)
		}
	}
	for _, command := range []string{"m4", "unshare", "hostname"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Fatalf("realmta: starting Sendmail requires the command %s (run \"make install\" as root): %v", command, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Fatal("realmta: Sendmail must be started by root")
	}
	return rel, root
}

// makeSendmailDirs creates the server's directories and removes them when the
// test ends. Sendmail requires that others cannot access the queue.
func makeSendmailDirs(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(tempDir, "realmta-") //nolint:usetesting // a unix socket needs a short path
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	err = errors.Join(
		makeDir(dir, 0o755),
		makeDir(filepath.Join(dir, "mqueue"), 0o700),
		makeDir(filepath.Join(dir, socketDir), 0o755),
		os.WriteFile(filepath.Join(dir, "statistics"), nil, 0o600), // if it is missing, Sendmail logs that for every message
	)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return dir
}
