package realmta

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

var _ MTA = (*Postfix)(nil)

// Name implements [MTA].
func (*Postfix) Name() string { return "postfix" }

// Version implements [MTA].
func (*Postfix) Version() string {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "postconf", "-d", "-h", "mail_version").Output()
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

// SetFilters implements [MTA].
func (p *Postfix) SetFilters(t testing.TB, filters ...net.Addr) {
	t.Helper()
	milters := make([]string, len(filters))
	for i, addr := range filters {
		milters[i] = postfixFilter(addr)
	}
	p.SetMilters(t, milters...)
}

// postfixFilter returns an address in the syntax of smtpd_milters.
func postfixFilter(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	return "inet:" + addr.String()
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }
