package framework

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/wire"
)

// Server serves a router's filters to MTAs. Its methods may be called from any
// goroutine.
type Server struct {
	plan     *Plan
	cfg      Config
	pool     wire.BufferPool
	base     context.Context
	cancel   context.CancelCauseFunc
	drain    drain
	counters counters
	store    spool.Store
	books    ledger.Pool

	mu        sync.Mutex
	closed    bool
	gone      bool // Close was called: not even what was accepted is served
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]seat
	crowd     crowd
	room      sync.Cond // a session ended, or the server was closed
	sessions  sync.WaitGroup
	refuse    *Plan // of sessions beyond the limit
}

// NewServer makes the router's plan and returns a server for it. The error
// names every mistake of the registration: see [Router.Plan].
func NewServer(r *Router, cfg Config) (*Server, error) {
	plan, err := r.Plan()
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	srv := &Server{
		plan: plan, cfg: cfg.withDefaults(),
		listeners: make(map[net.Listener]struct{}), conns: make(map[net.Conn]seat),
		crowd: crowd{peers: make(map[netip.Addr]int)},
	}
	srv.room.L = &srv.mu
	srv.cfg.furnish(&srv.store)
	if srv.refuse, err = refusal(cfg.Admission.OverLimit); err != nil {
		return nil, err
	}
	srv.base, srv.cancel = context.WithCancelCause(context.Background())
	return srv, nil
}

// Plan returns what the server asks MTAs for.
func (srv *Server) Plan() *Plan { return srv.plan }

// Serve accepts MTAs on the listener until Shutdown or Close, and then returns
// [ErrServerClosed]. It closes the listener. Any number of listeners may be
// served at once.
func (srv *Server) Serve(ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	if !srv.listen(ln) {
		return ErrServerClosed
	}
	defer srv.unlisten(ln)
	for wait := time.Duration(0); ; {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			wait = 0
			srv.take(conn, true, peerName(conn, ln.Addr()), func(serve func()) { go serve() })
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

// temporary reports whether accepting may succeed later, as when the process
// has run out of descriptors or the kernel of memory. Linux also tells of what
// befell the connection that was to be accepted, which says nothing of the next.
func temporary(err error) bool {
	var ne net.Error
	if errors.As(err, &ne) && ne.Temporary() { //nolint:staticcheck // net/http asks the same; nothing has replaced it
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

// ServeConn serves one MTA on conn, closes it and returns. It is for
// connections that come from elsewhere than a listener, such as tests.
func (srv *Server) ServeConn(conn net.Conn) {
	srv.take(conn, false, peerName(conn, conn.LocalAddr()), func(serve func()) { serve() })
}

// peerName names the other end in logs. One on a unix socket has no address of
// its own, so that the name of the socket must do.
func peerName(conn net.Conn, local net.Addr) string {
	if name := conn.RemoteAddr().String(); name != "" && name != "@" {
		return name
	}
	return local.Network() + ":" + local.String()
}

// take admits a connection and has it served, or closes it.
func (srv *Server) take(conn net.Conn, accepted bool, peer string, run func(serve func())) {
	p, err := srv.enter(conn, accepted)
	if err != nil {
		srv.cfg.Logger.Debug("MTA connection not taken", "peer", peer, "reason", err)
		_ = conn.Close()
		return
	}
	plan := srv.plan
	if p == seatRefusal {
		plan = srv.refuse
	}
	run(func() { srv.serve(conn, peer, plan) })
}

func (srv *Server) serve(conn net.Conn, peer string, plan *Plan) {
	defer srv.leave(conn)
	l := newLink(srv.base, conn, peer, &srv.cfg, &srv.pool, &srv.drain)
	l.counters = &srv.counters
	defer l.end()
	s := newSession(plan, l, &srv.store, &srv.books)
	s.logEnd(s.contained())
}

// contained serves the session. Code of a filter that ends its goroutine costs
// this connection alone, and so would a panic that nothing below contains.
func (s *Session) contained() (err error) {
	done := false
	defer func() {
		v := recover()
		if done {
			return
		}
		exited := v == nil // which is no panic, and lets nothing be returned
		if exited {
			v = errGoexit
		}
		err = &PanicError{Value: v, Stack: debug.Stack()}
		s.link.hangUp()
		if s.inMessage {
			s.link.counters.messagesOpen.Add(-1)
		}
		s.context.over(true, ErrMessageOver)
		s.context.over(false, ErrSessionOver)
		s.closeAll()
		if exited {
			s.logEnd(err)
		}
	}()
	err = s.serve()
	done = true
	return err
}

var errGoexit = errors.New("a filter ended its goroutine")

// Shutdown stops accepting and lets MTAs finish: a session ends when its MTA
// ends it, or when it is idle between messages for Config.DrainGrace. When ctx
// ends first, what is left is closed and the context's error returned.
func (srv *Server) Shutdown(ctx context.Context) error {
	end := srv.drain.begin().Add(srv.cfg.DrainGrace)
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

// Close stops accepting and closes all connections. It does not wait for the
// handlers that run; their contexts end.
func (srv *Server) Close() error {
	srv.stop(true, func(conn net.Conn) { _ = conn.Close() })
	srv.cancel(ErrServerClosed)
	return nil
}

// stop closes the listeners and does something to each connection.
func (srv *Server) stop(gone bool, each func(net.Conn)) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.closed = true
	srv.gone = srv.gone || gone
	srv.room.Broadcast()
	for ln := range srv.listeners {
		_ = ln.Close()
	}
	for conn := range srv.conns {
		each(conn)
	}
}

func (srv *Server) isClosed() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.closed
}

func (srv *Server) listen(ln net.Listener) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		return false
	}
	srv.listeners[ln] = struct{}{}
	srv.sessions.Add(1) // what it accepts is waited for
	return true
}

func (srv *Server) unlisten(ln net.Listener) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.listeners, ln)
	srv.sessions.Done()
}
