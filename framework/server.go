package framework

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

// Server serves a router's filters to MTAs. Its methods are safe for concurrent use.
type Server struct {
	shared
	plan    *Plan
	refusal *Plan // for connections that exceed a limit of Admission
	pool    wire.BufferPool
	drain   transport.Drain
	cancel  context.CancelCauseFunc

	mu        sync.Mutex
	closed    bool // Shutdown or Close was called
	forced    bool // Close was called: accepted connections are not served either
	listeners map[net.Listener]struct{}
	conns     connCounts
	freed     sync.Cond // a session ended, or the server was closed
	sessions  sync.WaitGroup
}

// NewServer makes the router's plan and returns a server for it. The error names every
// mistake in the registration: see [Router.Plan].
func NewServer(r *Router, cfg Config) (*Server, error) {
	plan, err := r.Plan()
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	srv := &Server{plan: plan, listeners: make(map[net.Listener]struct{}), conns: newConnCounts()}
	srv.cfg = cfg.withDefaults()
	srv.cfg.spool(&srv.store)
	srv.transport = transport.Config{Timeouts: srv.cfg.timeouts(), Limit: frameLimit, Pool: &srv.pool, Drain: &srv.drain}
	srv.base, srv.cancel = context.WithCancelCause(context.Background())
	srv.freed.L = &srv.mu
	if srv.refusal, err = refusalPlan(cfg.Admission.OverLimit); err != nil {
		return nil, err
	}
	return srv, nil
}

// refusalPlan returns the plan of the sessions that exceed a limit of Admission.
func refusalPlan(v Verdict) (*Plan, error) {
	r := NewRouter()
	r.OnConnect(func(*Session, *Connect) (Verdict, error) { return v, nil })
	r.OnMail(func(*Session, *Mail) (Verdict, error) { return v, nil })
	return r.Plan()
}

// Plan returns what the server asks MTAs for.
func (srv *Server) Plan() *Plan { return srv.plan }

// Stats returns the server's figures.
func (srv *Server) Stats() Stats { return srv.stats() }

// Serve accepts MTAs on the listener until Shutdown or Close is called, and then returns
// [ErrServerClosed]. It closes the listener. Several listeners may be served at the same
// time.
func (srv *Server) Serve(ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	if !srv.addListener(ln) {
		return ErrServerClosed
	}
	defer srv.removeListener(ln)
	for wait := time.Duration(0); ; {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			wait = 0
			if serve := srv.admit(conn, true, ln.Addr()); serve != nil {
				go serve()
			}
		case srv.isClosed():
			return ErrServerClosed
		case !temporary(err):
			return err
		default:
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			srv.cfg.Logger.Warn("accept failed, waiting", "address", ln.Addr().String(), "error", err, "wait", wait)
			srv.sleep(wait)
		}
	}
}

// temporary reports whether accepting connections may succeed later, for example if the
// process has run out of file descriptors or the kernel has run out of memory. On Linux,
// accept may also return an error of the connection that was to be accepted. Such an
// error does not concern the next connection.
func temporary(err error) bool {
	var ne net.Error
	if errors.As(err, &ne) && ne.Temporary() { //nolint:staticcheck // net/http does the same; there is no replacement
		return true
	}
	passing := []error{
		syscall.ENOBUFS, syscall.ENOMEM, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
	}
	return slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) })
}

func (srv *Server) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-srv.base.Done():
	}
}

// ServeConn serves one MTA on conn, closes it and returns. It is for connections that do not
// come from a listener, such as those of tests.
func (srv *Server) ServeConn(conn net.Conn) {
	if serve := srv.admit(conn, false, conn.LocalAddr()); serve != nil {
		serve()
	}
}

// admit admits a connection and returns the function that serves it, or closes the
// connection and returns nil.
func (srv *Server) admit(conn net.Conn, accepted bool, local net.Addr) (serve func()) {
	conn, poisoned := poison.Unmark(conn)
	peer := peerName(conn, local)
	how, err := srv.add(conn, accepted)
	if err != nil {
		srv.cfg.Logger.Debug("MTA connection refused", "peer", peer, "reason", err)
		_ = conn.Close()
		return nil
	}
	plan := srv.plan
	if how == asRefusal {
		plan = srv.refusal
	}
	return func() {
		defer srv.remove(conn)
		below := transport.New(conn, &srv.transport)
		if poisoned {
			below.Poison()
		}
		c := newConnection(plan, &srv.shared, below, peer)
		defer c.close()
		c.serve()
	}
}

// peerName returns the name of the other end for logs. The other end of a unix socket has
// no address, so peerName returns the address of the socket.
func peerName(conn net.Conn, local net.Addr) string {
	if name := conn.RemoteAddr().String(); name != "" && name != "@" {
		return name
	}
	return local.Network() + ":" + local.String()
}

// add decides how a connection is admitted, and counts it. If MTAs must wait for a free
// session, add waits, and the listener accepts no connection meanwhile.
func (srv *Server) add(conn net.Conn, accepted bool) (admitted, error) {
	admission := &srv.cfg.Admission
	if !admission.allowed(conn) {
		return notAtAll, errPeerDenied
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for !srv.closed && srv.conns.full(admission) && admission.OverLimit == Continue {
		srv.freed.Wait()
	}
	if srv.closed && (srv.forced || !accepted || srv.conns.full(admission)) {
		return notAtAll, ErrServerClosed
	}
	how := srv.conns.add(admission, conn)
	if how == notAtAll {
		return how, errTooManySessions
	}
	srv.sessions.Add(1)
	srv.counters.connections.Add(1)
	srv.counters.connectionsTotal.Add(1)
	return how, nil
}

// remove removes a connection from the counts.
func (srv *Server) remove(conn net.Conn) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.conns.remove(conn)
	srv.counters.connections.Add(-1)
	srv.freed.Broadcast()
	srv.sessions.Done()
}

// Shutdown stops accepting and lets MTAs finish: a session ends when its MTA ends it, or when
// it has been idle between messages for Config.DrainGrace. If ctx ends first, Shutdown closes
// the remaining connections and returns the context's error.
func (srv *Server) Shutdown(ctx context.Context) error {
	end := srv.drain.Begin().Add(srv.cfg.DrainGrace)
	srv.stop(false, func(conn net.Conn) { _ = conn.SetReadDeadline(end) })
	done := make(chan struct{})
	go func() {
		srv.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
		srv.cancel(ErrServerClosed)
		return nil
	case <-ctx.Done():
		_ = srv.Close()
		return ctx.Err()
	}
}

// Close stops accepting and closes all connections. It does not wait for handlers that run;
// their contexts end.
func (srv *Server) Close() error {
	srv.stop(true, func(conn net.Conn) { _ = conn.Close() })
	srv.cancel(ErrServerClosed)
	return nil
}

// stop closes the listeners and calls the function each for every connection.
func (srv *Server) stop(forced bool, each func(net.Conn)) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.closed = true
	srv.forced = srv.forced || forced
	srv.freed.Broadcast()
	for ln := range srv.listeners {
		_ = ln.Close()
	}
	for conn := range srv.conns.conns {
		each(conn)
	}
}

func (srv *Server) isClosed() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.closed
}

func (srv *Server) addListener(ln net.Listener) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		return false
	}
	srv.listeners[ln] = struct{}{}
	srv.sessions.Add(1) // Shutdown waits for connections that it accepts
	return true
}

func (srv *Server) removeListener(ln net.Listener) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.listeners, ln)
	srv.sessions.Done()
}
