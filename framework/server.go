package framework

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/framework/internal/listen"
	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/framework/printable"
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
	denials denials // of peers that may not connect

	mu        lateLog
	closed    bool // Shutdown or Close was called
	forced    bool // Close was called: accepted connections are not served either
	listeners map[net.Listener]struct{}
	conns     connCounts
	serving   int // connections that are served, with a seat or without
	overLimit [numLimits]overLimit
	freed     sync.Cond      // a seat was freed, or the server was closed
	seats     sync.WaitGroup // of sessions, and of listeners that are served
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
	if srv.recordLimits, err = limitsOf(cfg.Recorder, len(plan.lanes)); err != nil {
		return nil, err
	}
	srv.recordings.Limit = srv.recordLimits.Open
	srv.transport = transport.Config{Timeouts: srv.cfg.timeouts(), Limit: frameLimit, Pool: &srv.pool, Drain: &srv.drain}
	srv.base, srv.cancel = context.WithCancelCause(context.Background())
	srv.freed.L = &srv.mu
	for i := range srv.overLimit {
		limit := sessionLimit(i)
		srv.overLimit[i] = overLimit{
			mu: &srv.mu, log: srv.cfg.Logger, total: &srv.counters.overLimit,
			limit: limit, most: limit.of(&srv.cfg.Admission),
		}
	}
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

// Config returns the server's settings, with the defaults for those that were not set.
func (srv *Server) Config() Config { return srv.cfg }

// Stats returns the server's figures.
func (srv *Server) Stats() Stats { return srv.stats() }

// ServeConn serves one MTA on conn, closes it and returns. It is for connections that do not
// come from a listener, such as those of tests. If a handler hangs, conn is closed before
// ServeConn returns, which it does when the handler has returned.
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
	taken, err := srv.add(conn, peer, accepted)
	if err != nil {
		srv.denials.log(srv.cfg.Logger, conn, peer, err)
		_ = conn.Close()
		return nil
	}
	return func() {
		defer srv.leave(taken)
		defer srv.ended()
		peer, err := srv.open(taken, peer)
		if err != nil {
			srv.denials.log(srv.cfg.Logger, conn, peer, err)
			_ = conn.Close()
			return
		}
		plan := srv.plan
		if taken.how == asRefusal {
			plan = srv.refusal
		}
		below := transport.New(conn, &srv.transport)
		if poisoned {
			below.Poison()
		}
		c := newConnection(plan, &srv.shared, below, peer)
		c.vacate = func() { srv.vacate(taken) }
		c.session.watch.leaveSeat = func() { srv.leave(taken) }
		defer c.close()
		c.serve()
	}
}

// add decides how a connection is admitted, and counts it. If MTAs must wait for a free
// seat, add waits, and the listener accepts no connection meanwhile.
func (srv *Server) add(conn net.Conn, peer string, accepted bool) (*seat, error) {
	admission := &srv.cfg.Admission
	if err := admission.allows(conn); err != nil {
		return nil, err
	}
	st := &seat{conn: conn}
	if c, ok := conn.(*listen.Conn); !ok || !c.Announced() {
		st.addr = peerAddr(conn)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.await(peer)
	if srv.closed && (srv.forced || !accepted || srv.conns.full(admission)) {
		return nil, ErrServerClosed
	}
	exceeded := srv.conns.add(admission, st)
	if st.how != asSession {
		srv.overLimit[exceeded].hit(peer, st.how)
	}
	if st.how == notAtAll {
		return nil, errTooManySessions
	}
	srv.serving++
	srv.seats.Add(1)
	srv.counters.connections.Add(1)
	srv.counters.connectionsTotal.Add(1)
	return st, nil
}

// open waits for what comes before the milter protocol: a PROXY header, a TLS handshake. It
// returns the name of the peer for logs, which may be that in the header.
func (srv *Server) open(st *seat, peer string) (string, error) {
	conn, ok := st.conn.(*listen.Conn)
	if !ok {
		return peer, nil
	}
	if conn.Announced() {
		err := conn.Identify(srv.cfg.NegotiateTimeout)
		peer = conn.RemoteAddr().String()
		if err != nil {
			return peer, notOpened(err)
		}
		if err := srv.identify(st, conn); err != nil { // before the work of a handshake
			return peer, err
		}
	}
	return peer, notOpened(conn.Open(srv.cfg.NegotiateTimeout, srv.logReload))
}

// identify decides about a peer that a PROXY header has announced.
func (srv *Server) identify(st *seat, conn *listen.Conn) error {
	addr := peerAddr(conn)
	if err := srv.cfg.Admission.allowsAddr(addr); err != nil && conn.Named() { // the listener allows the balancer
		return err
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.conns.identify(&srv.cfg.Admission, st, addr) {
		srv.overLimit[limitPerPeer].hit(conn.RemoteAddr().String(), st.how)
	}
	if st.how == notAtAll {
		return errTooManySessions
	}
	return nil
}

// notOpened returns the error of a connection that could not be opened. If the peer closed
// it, as port probes do, that is not worth a warning. The text may quote what the peer sent,
// such as its certificate, so it is cut.
func notOpened(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	return fmt.Errorf("%w: %s", errNotOpened, printable.Short(err.Error(), maxReason))
}

// maxReason is the number of bytes that a log line shows of why a connection was not opened.
const maxReason = 256

// logReload logs that a changed TLS certificate was read, or that it cannot be used.
func (srv *Server) logReload(err error) {
	if err != nil {
		srv.cfg.Logger.Error("TLS certificate not read again; the one before stays in use", "error", err)
		return
	}
	srv.cfg.Logger.Info("TLS certificate read again")
}

// await waits for a free seat, unless MTAs beyond the limit are refused.
func (srv *Server) await(peer string) {
	full := func() bool {
		a := &srv.cfg.Admission
		return !srv.closed && a.OverLimit == Continue && srv.conns.full(a)
	}
	if !full() {
		return
	}
	over := &srv.overLimit[limitSessions]
	over.hit(peer, mustWait)
	over.waiting++
	for full() {
		srv.freed.Wait()
	}
	over.waiting--
	over.last = time.Now()
}

// ended notes that a connection is served no more. If it was the last one of a server that
// was closed, its lines and those of the others may have been suppressed after the end of
// the server.
func (srv *Server) ended() {
	srv.mu.Lock()
	srv.serving--
	last := srv.closed && srv.serving == 0
	srv.mu.Unlock()
	if last {
		srv.flushLines()
	}
}

// vacate frees the seat of a connection that is closed, unless it is free already.
// Shutdown still waits for the handlers of its session.
func (srv *Server) vacate(st *seat) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if !srv.conns.remove(st) {
		return
	}
	srv.counters.connections.Add(-1)
	srv.freed.Broadcast()
}

// leave frees the seat of a connection whose session is over, or whose handler hangs and
// which was closed. Shutdown does not wait for it any more.
func (srv *Server) leave(st *seat) {
	srv.vacate(st)
	st.left.Do(srv.seats.Done)
}

// Shutdown stops accepting and lets MTAs finish: a session ends when its MTA ends it, or when
// it has been idle between messages for Config.DrainGrace. If ctx ends first, Shutdown closes
// the remaining connections and returns the context's error. Shutdown waits for handlers, but
// not for a handler that hangs and whose connection was closed: see Stats.AbandonedHandlers.
// When the sessions are over, it waits Config.HangGrace at most for the functions of
// [AsyncValue.Start] that still run.
func (srv *Server) Shutdown(ctx context.Context) error {
	end := srv.drain.Begin().Add(srv.cfg.DrainGrace)
	srv.stop(false, func(conn net.Conn) { _ = conn.SetReadDeadline(end) })
	done := make(chan struct{})
	go func() {
		srv.seats.Wait()
		close(done)
	}()
	select {
	case <-done:
		srv.cancel(ErrServerClosed)
		srv.asyncs.drain(ctx, &srv.cfg)
		srv.flushLines()
		return nil
	case <-ctx.Done():
		_ = srv.Close()
		return ctx.Err()
	}
}

// Close stops accepting and closes all connections. It does not wait for handlers that run;
// their contexts end.
func (srv *Server) Close() error {
	srv.drain.Close()
	srv.stop(true, hangUp)
	srv.cancel(ErrServerClosed)
	srv.flushLines()
	return nil
}

// hangUp closes a connection and does not wait for the peer.
func hangUp(conn net.Conn) {
	if c, ok := conn.(*listen.Conn); ok {
		_ = c.Abort()
		return
	}
	_ = conn.Close()
}

// flushLines writes how many lines were suppressed.
func (srv *Server) flushLines() {
	srv.lines.Flush()
	srv.denials.lines.Flush()
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
	for i := range srv.overLimit {
		srv.overLimit[i].stop()
	}
	for st := range srv.conns.seats {
		each(st.conn)
	}
}

func (srv *Server) isClosed() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.closed
}
