package framework

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

// DefaultDrain is how long [Run] and [RunContext] let MTAs finish before they
// close the connections.
const DefaultDrain = 30 * time.Second

// Run serves the router at an address, in the syntax of [Listen], until SIGINT or
// SIGTERM. It then drains: MTAs may finish their messages for [DefaultDrain], and
// a second signal closes all connections at once. Run returns nil after a signal.
// Otherwise it returns the error that kept it from serving. It returns mistakes
// in the registrations, each with its file and line, before it opens the address.
// SIGHUP is logged and ignored, because there is no configuration to reload.
//
// [RunContext] takes a configuration and leaves signals to the caller.
func Run(address string, r *Router) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	srv, served, err := serveAt(address, r, Config{})
	if err != nil {
		return err
	}
	for {
		select {
		case err := <-served:
			return err
		case <-hangups:
			srv.cfg.Logger.Info("SIGHUP ignored: no configuration to reload")
		case sig := <-signals:
			srv.cfg.Logger.Info("draining", "signal", sig.String(), "timeout", DefaultDrain)
			return srv.drainUntil(signals)
		}
	}
}

// RunContext serves the router at an address, in the syntax of [Listen], until ctx
// ends. It then drains for at most [DefaultDrain] and returns nil. It handles no
// signals: signal.NotifyContext turns them into the end of a context.
func RunContext(ctx context.Context, address string, r *Router, cfg Config) error {
	srv, served, err := serveAt(address, r, cfg)
	if err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		srv.cfg.Logger.Info("draining", "cause", context.Cause(ctx).Error(), "timeout", DefaultDrain)
		return srv.drainUntil(nil)
	}
}

// serveAt starts to serve. The channel receives the error that Serve returns.
func serveAt(address string, r *Router, cfg Config) (*Server, <-chan error, error) {
	srv, err := NewServer(r, cfg)
	if err != nil {
		return nil, nil, err
	}
	ln, err := Listen(address)
	if err != nil {
		return nil, nil, err
	}
	srv.cfg.Logger.Info("serving", "address", ln.Addr().String())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	return srv, served, nil
}

// drainUntil lets MTAs finish for DefaultDrain, or until a signal arrives.
func (srv *Server) drainUntil(signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), DefaultDrain)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("framework: connections closed before all MTAs had finished, after %v: %w", DefaultDrain, err)
	}
	return nil
}

// Listen opens a socket at an address in the syntax of MTAs and libmilter:
//
//	inet:9000@127.0.0.1   inet:127.0.0.1:9000   inet:9000
//	inet6:9000@::1        inet6:[::1]:9000
//	unix:/run/filter.sock   local:/run/filter.sock
//	unix:/run/filter.sock?mode=0660&owner=filter&group=postfix
//	fd:NAME
//	tls:inet:9000@192.0.2.1?cert=/etc/filter.pem&key=/etc/filter.key
//	inet:9000@192.0.2.1?proxy=192.0.2.8,10.0.0.0/8
//
// A port without a host listens on all addresses: every host can connect, unless
// [Admission] limits it. A unix socket gets its mode, owner and group before any
// client can connect. The default mode is 0660. If the path is a socket that no
// process listens on, Listen replaces it. If a process listens on it, Listen returns
// an error. fd:NAME takes over a socket that systemd passed under that name
// (LISTEN_FDNAMES), or under that number, counted from 0. An error names the address.
//
// "tls:" before inet, inet6 or fd means TLS 1.2 or later. cert is a file with the
// certificate chain in PEM, and key one with its private key. client_ca is a file with the
// certificates of the authorities whose clients may connect. It is optional: without it any
// client may. If a file has changed, the next handshake reads all of them again, at most
// once a second. If they cannot be used, those that were read before stay in use, and the
// server logs the reason once. Connections that exist go on.
//
// proxy lists the networks and IP addresses of load balancers, such as HAProxy. Each
// connection must come from one of them and begin with a header of the PROXY protocol,
// version 1 or 2, before TLS if there is TLS. Any other connection is refused. The peer, in
// logs, in [Admission] and for [Session.Peer], is then the MTA that the header names. For
// the balancer's own connections (LOCAL, UNKNOWN) it is the balancer.
//
// [Server.Serve] reads the header and does the handshake in the session's goroutine, within
// Config.NegotiateTimeout. If another server accepts connections of such a listener, they
// do the handshake when they are first read or written, and that server must limit the
// time. Connections with a PROXY header work with a [Server] only.
func Listen(address string) (net.Listener, error) { return listen.Open(address) }

// CheckAddress returns an error if [Listen] certainly fails for an address, and opens no
// socket. It is for programs that check a configuration, also beside a process that listens
// at the address. The error names the address.
//
// It looks at the syntax, at the options of a unix socket with the user and the group, at what
// is at the path, and at the files of TLS, which it reads as the user of this process. It does
// not know whether a port is free or may be used, whether the host has an IP address or knows a
// name, whether a folder may be written to, and which sockets systemd passes. A folder below
// /run may be missing, because what starts the program may create it.
func CheckAddress(address string) error { return listen.Check(address) }
