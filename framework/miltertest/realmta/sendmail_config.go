package realmta

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
