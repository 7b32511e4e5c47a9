package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/process"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// The lists of milters that are compared.
const (
	NoFilter  = "no filter"
	OneField  = "Sluice, one field added"
	Theirs    = "OpenDKIM + OpenDMARC"
	WithPySPF = "pyspf-milter + OpenDKIM + OpenDMARC"
	Ours      = "Sluice"
)

func stackNames() []string { return []string{NoFilter, OneField, Theirs, WithPySPF, Ours} }

// checks reports whether a list of milters authenticates mail.
func checks(name string) bool { return name != NoFilter && name != OneField }

// stack is a list of running milters with a Postfix that uses them.
type stack struct {
	name     string
	route    route
	children []*child
	speeds   map[int]samples // by the number of clients
	cold     float64         // queries per message
	profiles bool            // if it writes a profile when it ends
}

// The configurations. None of the milters logs messages, and none of the peers refuses mail.
const (
	authSluiced = `log: {level: warn}
filters:
  - authenticate: {}
`

	authOpenDKIM = `Mode                v
Syslog              no
AuthservID          HOSTNAME
AlwaysAddARHeader   yes
Nameservers         DNS
Canonicalization    relaxed/relaxed
`
	authOpenDMARC = `AuthservID          HOSTNAME
TrustedAuthservIDs  HOSTNAME
SPFSelfValidate     true
Syslog              false
PublicSuffixList    /usr/share/publicsuffix/public_suffix_list.dat
`
	authPySPF = `debugLevel = 0
TestOnly = 0
HELO_reject = False
Mail_From_reject = False
PermError_reject = False
TempError_Defer = False
Authserv_Id = HOSTNAME
skip_addresses = 127.0.0.0/8,::ffff:127.0.0.0/104,::1
Socket = local:SOCKET
PidFile = SOCKET.pid
UserID = root
InternalHosts = 127.0.0.1
`
)

// writeFiles writes the configurations, and the file resolv.conf of all milters.
func (a *auth) writeFiles() error {
	host, _, err := net.SplitHostPort(nameServer)
	expand := strings.NewReplacer("HOSTNAME", realmta.Hostname, "DNS", host)
	for name, text := range map[string]string{
		"resolv.conf":    "nameserver " + host + "\n",
		"opendkim.conf":  expand.Replace(authOpenDKIM),
		"opendmarc.conf": expand.Replace(authOpenDMARC),
		"pyspf.conf":     expand.Replace(authPySPF),
		"sluiced.yaml":   authSluiced,
	} {
		err = errors.Join(err, os.WriteFile(a.path(name), []byte(text), 0o600))
	}
	return err
}

func (a *auth) path(name string) string { return filepath.Join(a.dir, name) }

// withDNS runs the command that follows it in a mount namespace in which /etc/resolv.conf
// names the server of the benchmark. Not all milters have a setting for it. The command keeps
// the process ID.
func (a *auth) withDNS() []string {
	return []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, a.path("resolv.conf")}
}

// commands returns the commands of a list of milters. The word {socket} stands for the path
// of the socket.
func (a *auth) commands(name string) (list [][]string) {
	if name == WithPySPF {
		list = append(list, []string{"/bin/sh", "-c", `sed "s|SOCKET|$1|" "$0" >"$1.conf" && exec /usr/bin/pyspf-milter "$1.conf"`, a.path("pyspf.conf"), "{socket}"})
	}
	switch name {
	case OneField:
		return append(list, append(slices.Clone(a.bins[Sluice]), "-addr", "unix:{socket}", "-w", string(workload.W1)))
	case Theirs, WithPySPF:
		return append(list,
			[]string{"/usr/sbin/opendkim", "-f", "-x", a.path("opendkim.conf"), "-p", "local:{socket}"},
			[]string{"/usr/sbin/opendmarc", "-f", "-c", a.path("opendmarc.conf"), "-p", "local:{socket}"})
	case Ours:
		return append(list, a.ours())
	}
	return list
}

// Sluiced is the name of examples/sluiced, which authenticates mail.
const Sluiced = "sluiced"

// buildOurs builds sluiced if it is measured.
func (a *auth) buildOurs(ctx context.Context) error {
	if !slices.Equal(a.Ours, []string{Sluiced}) {
		return nil
	}
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sluicemail/sluice")
	if err != nil {
		return err
	}
	_, err = output(ctx, root, "go", "build", "-o", a.path(Sluiced), "./examples/"+Sluiced)
	a.Ours = []string{a.path(Sluiced), "-config", a.path("sluiced.yaml"), "-listen", "unix:{socket}"}
	return err
}

// standIn reports whether the benchmark's own program is measured.
func (a *auth) standIn() bool { return slices.Equal(a.Ours, []string{Authenticate}) }

// ours returns the command of our program.
func (a *auth) ours() []string {
	if !a.standIn() {
		return a.Ours
	}
	command := append(slices.Clone(a.bins[Authenticate]), "-addr", "unix:{socket}")
	if a.Profile != "" {
		command = append(command, "-cpuprofile", a.Profile)
	}
	return command
}

// start starts a list of milters and a Postfix. Postfix discards the mail for discard.test,
// and delivers other mail to a sink.
func (a *auth) start(ctx context.Context, t testing.TB, name string) (*stack, error) {
	t.Helper()
	s := &stack{name: name, speeds: make(map[int]samples), profiles: name == Ours && a.Profile != "" && a.standIn()}
	cfg := realmta.PostfixConfig{Main: map[string]string{
		"realmta_max_use": "100",
		"relay_domains":   "example.test, discard.test",
		"transport_maps":  "inline:{discard.test=discard:}",
	}}
	if a.Proxy {
		cfg.Main["smtpd_upstream_proxy_protocol"] = "haproxy"
		cfg.Main["smtpd_peername_lookup"] = "no"
	} else {
		cfg.Main["smtpd_authorized_xclient_hosts"] = "127.0.0.0/8"
	}
	cfg.Main["smtpd_relay_restrictions"] = "reject_unauth_destination"
	for _, command := range a.commands(name) {
		c := &child{server: name, network: "unix"}
		if err := a.startMilter(ctx, c, command); err != nil {
			return nil, errors.Join(err, s.stop())
		}
		s.children = append(s.children, c)
		cfg.Milters = append(cfg.Milters, c.milter())
	}
	s.route = route{name, realmta.StartPostfix(t, cfg)}
	return s, nil
}

func (a *auth) startMilter(ctx context.Context, c *child, command []string) (err error) {
	if c.address, err = freeAddress(c.network, a.dir); err != nil {
		return err
	}
	argv := a.withDNS()
	for _, word := range command {
		argv = append(argv, strings.ReplaceAll(word, "{socket}", c.address))
	}
	if err := c.start(ctx, argv); err != nil {
		return err
	}
	return os.Chmod(c.address, 0o666) //nolint:gosec // Postfix does not run as root
}

// stop ends the milters. The Postfix ends with its test.
func (s *stack) stop() (err error) {
	for _, c := range s.children {
		if s.profiles {
			err = errors.Join(err, c.cmd.Process.Signal(syscall.SIGTERM), c.cmd.Wait())
			continue
		}
		err = errors.Join(err, c.stop())
	}
	return err
}

// cpu returns the CPU time of all milters in milliseconds.
func (s *stack) cpu() (ms float64, err error) {
	for _, c := range s.children {
		cpu, failed := c.cpu()
		err = errors.Join(err, failed)
		ms += micros(cpu) / 1e3
	}
	return ms, err
}

// peak returns the largest resident memory of the milters in MiB. That of several milters is
// the sum.
func (s *stack) peak() (mib float64, err error) {
	for _, c := range s.children {
		peak, failed := process.Peak(c.cmd.Process.Pid)
		err = errors.Join(err, failed)
		mib += float64(peak) / (1 << 20)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return mib, err
}
