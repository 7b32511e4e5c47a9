package framework

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"
)

// Serve accepts MTAs on the listener until Shutdown or Close is called, and then returns
// [ErrServerClosed]. It closes the listener. Several listeners may be served at the same
// time.
func (srv *Server) Serve(ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	if !srv.addListener(ln) {
		return ErrServerClosed
	}
	defer srv.removeListener(ln)
	srv.warnOpen(ln)
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
			srv.logAcceptFailure(ln.Addr().String(), err, wait)
			srv.sleep(wait)
		}
	}
}

// logAcceptFailure logs that a connection could not be accepted, with the bound on lines
// that applies to peers: as long as descriptors are lacking, it happens every second.
func (srv *Server) logAcceptFailure(address string, err error, wait time.Duration) {
	base := srv.cfg.Logger.Handler()
	log := slog.New(srv.lines.Handler(address, "", base, base))
	log.Warn("accept failed, waiting", "address", address, "error", err, "wait", wait)
}

// warnOpen logs a warning if neither the listener nor Admission limits who may connect.
func (srv *Server) warnOpen(ln net.Listener) {
	if who, limit := srv.cfg.Admission.open(ln); who != "" {
		srv.cfg.Logger.Warn("the milter protocol has no authentication: "+who+" can use the filters",
			"address", ln.Addr().String(), "limit_with", limit)
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

func (srv *Server) addListener(ln net.Listener) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		return false
	}
	srv.listeners[ln] = struct{}{}
	srv.seats.Add(1) // Shutdown waits for connections that it accepts
	return true
}

func (srv *Server) removeListener(ln net.Listener) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.listeners, ln)
	srv.seats.Done()
}
