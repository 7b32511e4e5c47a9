package framework

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Admission says which MTAs a server takes, and how many. The zero value takes
// all.
type Admission struct {
	// MaxSessions bounds the sessions that are served at one time; 0 means
	// that nothing does. Further MTAs wait in the listeners' backlog,
	// unless OverLimit says otherwise.
	MaxSessions int
	// OverLimit is what MTAs beyond MaxSessions and MaxPerPeer are told in
	// place of being left to wait: a verdict that refuses, at the first
	// stage that answers. A 421 ends the SMTP session. At most MaxSessions
	// are told at one time; further ones are closed.
	OverLimit Verdict
	// MaxPerPeer bounds the sessions of one address over TCP; 0 means that
	// nothing does. Further ones are told OverLimit, or closed.
	MaxPerPeer int
	// Networks are the networks that MTAs may connect from over TCP; none
	// means all.
	Networks []netip.Prefix
	// UIDs are the users that may connect over unix sockets, as the kernel
	// tells them (SO_PEERCRED); none means all. On systems that do not tell
	// nobody may, unless there are none.
	UIDs []uint32
}

// check refuses what could never work.
func (a *Admission) check() error {
	switch {
	case a.MaxSessions < 0 || a.MaxPerPeer < 0:
		return errors.New("framework: Admission: a limit is negative")
	case a.OverLimit != Continue && !a.OverLimit.Refuses():
		return fmt.Errorf("framework: Admission: OverLimit %v refuses nothing", a.OverLimit)
	}
	return nil
}

// Errors that close a connection before its MTA is listened to.
var (
	errPeerDenied = errors.New("framework: the peer may not connect")
	errCrowded    = errors.New("framework: too many sessions")
)

// allowed reports whether the peer may connect at all.
func (a *Admission) allowed(conn net.Conn) bool {
	if uc, ok := conn.(*net.UnixConn); ok {
		if len(a.UIDs) == 0 {
			return true
		}
		uid, ok := peerUID(uc)
		return ok && slices.Contains(a.UIDs, uid)
	}
	if len(a.Networks) == 0 {
		return true
	}
	addr := peerAddr(conn)
	return slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// peerAddr returns the IP address of a peer over TCP, or the zero Addr.
func peerAddr(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// seat is what a connection was given.
type seat int

const (
	seatSession seat = iota // a session like any other
	seatRefusal             // a session that is told that there is no room
	seatNone                // nothing
)

// crowd counts who is there. It is guarded by the server's lock.
type crowd struct {
	refusals int
	peers    map[netip.Addr]int
}

// enter gives a connection its seat, and counts it. Where MTAs are to wait for
// room it waits, and the listener with it.
func (srv *Server) enter(conn net.Conn, accepted bool) (seat, error) {
	if !srv.cfg.Admission.allowed(conn) {
		return seatNone, errPeerDenied
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for !srv.closed && srv.full() && srv.cfg.Admission.OverLimit == Continue {
		srv.room.Wait()
	}
	if srv.closed && (srv.gone || !accepted || srv.full()) {
		return seatNone, ErrServerClosed
	}
	p := srv.admit(peerAddr(conn))
	if p == seatNone {
		return p, errCrowded
	}
	srv.conns[conn] = p
	srv.sessions.Add(1)
	srv.counters.connections.Add(1)
	srv.counters.connectionsTotal.Add(1)
	return p, nil
}

func (srv *Server) full() bool {
	most := srv.cfg.Admission.MaxSessions
	return most > 0 && len(srv.conns)-srv.crowd.refusals >= most
}

func (srv *Server) admit(addr netip.Addr) seat {
	a := &srv.cfg.Admission
	greedy := a.MaxPerPeer > 0 && addr.IsValid() && srv.crowd.peers[addr] >= a.MaxPerPeer
	switch {
	case !srv.full() && !greedy:
		if a.MaxPerPeer > 0 {
			srv.crowd.peers[addr]++
		}
		return seatSession
	case a.OverLimit == Continue, srv.crowd.refusals >= max(a.MaxSessions, a.MaxPerPeer):
		return seatNone
	default:
		srv.crowd.refusals++
		return seatRefusal
	}
}

// leave gives the seat of a connection back.
func (srv *Server) leave(conn net.Conn) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	p, addr := srv.conns[conn], peerAddr(conn)
	delete(srv.conns, conn)
	srv.counters.connections.Add(-1)
	if p == seatRefusal {
		srv.crowd.refusals--
	} else if srv.crowd.peers[addr]--; srv.crowd.peers[addr] <= 0 {
		delete(srv.crowd.peers, addr)
	}
	srv.room.Broadcast()
	srv.sessions.Done()
}

// refusal returns the plan of the sessions that are told that there is no room.
func refusal(v Verdict) (*Plan, error) {
	r := NewRouter()
	r.OnConnect(func(*Session, *Connect) (Verdict, error) { return v, nil })
	r.OnMail(func(*Session, *Mail) (Verdict, error) { return v, nil })
	return r.Plan()
}
