package remote

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// member is one address of a pool.
type member struct {
	cfg     *Config
	addr    string // as it is configured
	network string
	address string
	breaker *breaker
	idle    idle
}

func newMember(cfg *Config, addr string) (*member, error) {
	network, address, err := mta.ParseAddr(addr)
	if err != nil {
		return nil, fmt.Errorf("remote: Addresses: %w", err)
	}
	m := &member{cfg: cfg, addr: addr, network: network, address: address, breaker: newBreaker(cfg, addr)}
	m.idle = idle{most: cfg.MaxIdle, timeout: cfg.IdleTimeout}
	return m, nil
}

// dial opens a connection, encrypted if the configuration says so.
func (m *member) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.DialTimeout)
	defer cancel()
	conn, err := m.cfg.Dial(ctx, m.network, m.address)
	if err != nil || m.cfg.TLS == nil || m.network == "unix" {
		return conn, err
	}
	secured := tls.Client(conn, m.tlsConfig())
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// tlsConfig returns the configuration for this address.
func (m *member) tlsConfig() *tls.Config {
	cfg := m.cfg.TLS.Clone()
	if host, _, err := net.SplitHostPort(m.address); err == nil && cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// open opens a connection and negotiates.
func (m *member) open(ctx context.Context, o mta.Offer) (*link, error) {
	conn, err := m.dial(ctx)
	if err != nil {
		return nil, m.failed("cannot connect", err)
	}
	l := &link{member: m, net: conn, offer: o, Conn: mta.NewConn(conn, mta.Config{
		Offer: o, Flavor: mta.Plain, MaxEdits: m.cfg.MaxEdits,
		CommandTimeout: m.cfg.CommandTimeout, ContentTimeout: m.cfg.ContentTimeout,
	})}
	negotiating, cancel := context.WithTimeout(ctx, m.cfg.DialTimeout)
	defer cancel()
	if err := l.Negotiate(negotiating); err != nil {
		_ = l.Close()
		return nil, m.failed("cannot negotiate, offering "+o.Actions.String(), err)
	}
	l.answer, _ = l.Negotiated()
	return l, nil
}

// ask returns what the milter wants of an MTA that offers everything.
func (m *member) ask(ctx context.Context) (wire.Negotiate, error) {
	l, err := m.open(ctx, offer(m.cfg.Version, wire.KnownActions, negotiable))
	if err != nil {
		return wire.Negotiate{}, err
	}
	l.quit(ctx)
	return l.answer, nil
}

// failed returns an error that names the milter.
func (m *member) failed(what string, err error) error {
	return fmt.Errorf("remote: milter at %s: %s: %w", m.addr, what, err)
}

// link is a connection to a milter that has negotiated.
type link struct {
	*mta.Conn
	member *member
	net    net.Conn
	offer  mta.Offer
	answer wire.Negotiate
	ticket *ticket
}

// quiet reports whether the milter has sent nothing that no command asked for. An answer too
// many would be taken for the one to the next command, and the verdict on a message for the
// one on the next message. Over TLS, what has arrived need not be an answer.
func (l *link) quiet() bool {
	_, secured := l.net.(*tls.Conn)
	return secured || alive(l.net)
}

// quit ends the session and closes the connection. A milter that is gone needs no
// SMFIC_QUIT, so quit returns no error.
func (l *link) quit(ctx context.Context) {
	if l.Quit(ctx) != nil {
		_ = l.Close()
	}
}

// versionOfReuse is the protocol version from which on milters know SMFIC_QUIT_NC.
const versionOfReuse = 6

// keep ends the session and keeps the connection for another one, if the milter can
// serve several.
func (l *link) keep(ctx context.Context) {
	reusable := l.answer.Version >= versionOfReuse && l.member.cfg.MaxIdle > 0
	if !reusable || l.QuitNC() != nil || l.Flush(ctx) != nil {
		l.quit(ctx)
		return
	}
	if !l.member.idle.put(l) {
		_ = l.Close()
	}
}
