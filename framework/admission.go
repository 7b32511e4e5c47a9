package framework

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/sluicemail/sluice/framework/internal/listen"
	"github.com/sluicemail/sluice/framework/internal/loglimit"
)

// Admission limits which MTAs a server accepts, and how many. The zero value accepts
// all. If connections exceed a limit, the server logs one line when that begins, and one
// when no connection has exceeded the limit for a minute: see also Stats.OverLimit. A peer
// that Networks or UIDs do not admit is logged as a warning. The warnings of a peer are
// bounded.
//
// The milter protocol has neither authentication nor encryption: see [Listen] for TLS.
// [Server.Serve] logs a warning for each listener that is open to other hosts if Networks
// is empty, and for each unix socket that is open to every user if UIDs is empty. It logs
// none for a listener that asks for client certificates or names the balancers that may
// connect, or that is not of package net or from [Listen], because such a listener may
// check its peers.
//
// If a balancer announces its peers by the PROXY protocol, Networks and MaxPerPeer apply to
// the addresses that it announces. Its own connections, such as health checks, need not be
// in Networks.
type Admission struct {
	// MaxSessions limits the number of sessions served at the same time. A TLS
	// handshake counts, and so does the wait for a PROXY header. 0 means no limit.
	// Further MTAs wait in the listeners' backlog, unless OverLimit is set. A
	// session counts as long as its connection exists, and not while its handlers
	// of Abort and Close run after that. If a handler hangs, the session counts
	// until the framework has closed the connection: see Stats.AbandonedHandlers.
	MaxSessions int
	// OverLimit is the verdict for MTAs beyond MaxSessions or MaxPerPeer. It
	// must be a verdict that refuses. These MTAs receive it at the first stage
	// that answers, instead of waiting. A reply with code 421 also ends the SMTP
	// session. At most MaxSessions or MaxPerPeer MTAs, whichever is larger,
	// receive OverLimit at the same time. Further connections are closed.
	OverLimit Verdict
	// MaxPerPeer limits the number of sessions from one IP address. 0 means no
	// limit. Further sessions receive OverLimit. If OverLimit is not set, their
	// connections are closed.
	MaxPerPeer int
	// Networks are the networks from which MTAs may connect over TCP. Empty
	// means all networks.
	Networks []netip.Prefix
	// UIDs are the users that may connect over unix sockets, as the kernel
	// reports them (SO_PEERCRED). Empty means all users. If the system does not
	// report the user, a list that is not empty admits no one.
	UIDs []uint32
}

// check returns an error if a value is invalid.
func (a *Admission) check() error {
	switch {
	case a.MaxSessions < 0 || a.MaxPerPeer < 0:
		return errors.New("framework: Admission: a limit is negative")
	case a.OverLimit != Continue && !a.OverLimit.Refuses():
		return fmt.Errorf("framework: Admission: OverLimit %v refuses nothing", a.OverLimit)
	}
	return nil
}

// Reasons why a connection is not served.
var (
	errPeerDenied      = errors.New("framework: the peer may not connect")
	errNotOpened       = errors.New("framework: not opened")
	errTooManySessions = errors.New("framework: too many sessions")
)

// allows returns an error that wraps errPeerDenied, unless Networks and UIDs allow the peer
// to connect. It does not decide about a peer whose address is not known yet.
func (a *Admission) allows(conn net.Conn) error {
	if c, ok := conn.(*listen.Conn); ok && c.Announced() {
		if !c.Trusted() {
			return fmt.Errorf("%w: its address is not in the option proxy of the listener", errPeerDenied)
		}
		return nil
	}
	if uc, ok := conn.(*net.UnixConn); ok {
		if len(a.UIDs) == 0 {
			return nil
		}
		uid, ok := listen.PeerUID(uc)
		switch {
		case !ok:
			return fmt.Errorf("%w: its UID is unknown, and Admission.UIDs is set", errPeerDenied)
		case !slices.Contains(a.UIDs, uid):
			return fmt.Errorf("%w: UID %d is not in Admission.UIDs", errPeerDenied, uid)
		}
		return nil
	}
	return a.allowsAddr(peerAddr(conn))
}

// allowsAddr is allows for a peer over TCP.
func (a *Admission) allowsAddr(addr netip.Addr) error {
	if len(a.Networks) > 0 && !slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return fmt.Errorf("%w: its address is not in Admission.Networks (-allow in the example daemons)", errPeerDenied)
	}
	return nil
}

// open returns who can connect to the listener if neither it nor Admission limits that, and
// what can. Otherwise it returns "".
func (a *Admission) open(ln net.Listener) (who, limit string) {
	switch {
	case len(a.Networks) == 0 && listen.ReachesHosts(ln):
		return "every host that reaches this address", "Admission.Networks (-allow in the example daemons), or an address such as inet:9000@127.0.0.1"
	case len(a.UIDs) == 0 && listen.ReachesUsers(ln):
		return "every user of this host", "Admission.UIDs, or a socket with mode 0660"
	}
	return "", ""
}

// denials logs connections that are closed at once. A list that lacks a mail server stops
// all of its mail, so that a peer which is not in the lists is a warning. Such peers count
// apart from MTAs, so that hosts which may not connect do not suppress lines about these.
// So do those whose TLS handshake or PROXY header fails.
type denials struct{ lines loglimit.Limiter }

func (d *denials) log(log *slog.Logger, conn net.Conn, peer string, reason error) {
	level := slog.LevelDebug
	if errors.Is(reason, errPeerDenied) || errors.Is(reason, errNotOpened) {
		level = slog.LevelWarn
	}
	base := log.Handler()
	log = slog.New(d.lines.Handler(loglimit.Peer(conn.RemoteAddr(), peer), "", base, base))
	log.Log(context.Background(), level, "MTA connection refused", "peer", peer, "reason", reason)
}

// peerName returns the name of the other end for logs. The other end of a unix socket has
// no address, so peerName returns the address of the socket.
func peerName(conn net.Conn, local net.Addr) string {
	if name := conn.RemoteAddr().String(); name != "" && name != "@" {
		return name
	}
	return local.Network() + ":" + local.String()
}

// peerAddr returns the IP address of a peer over TCP, or the zero Addr.
func peerAddr(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// admitted says how a connection is admitted.
type admitted int

const (
	asSession admitted = iota // served as usual
	asRefusal                 // served by OverLimit alone
	notAtAll                  // closed
	mustWait                  // not decided before a seat is free
)

// seat is the place of a connection among those that a server counts.
type seat struct {
	conn net.Conn
	addr netip.Addr // of the peer over TCP, or the zero Addr
	how  admitted
	left sync.Once // Shutdown does not wait for the session any more
}

// sessionLimit is a limit of Admission on the number of sessions.
type sessionLimit int

const (
	limitSessions sessionLimit = iota
	limitPerPeer
	numLimits
)

// String returns the limit's name in Admission.
func (l sessionLimit) String() string { return [...]string{"MaxSessions", "MaxPerPeer"}[l] }

// of returns the limit's value.
func (l sessionLimit) of(a *Admission) int { return [...]int{a.MaxSessions, a.MaxPerPeer}[l] }

// connCounts counts the connections of a server. The server's lock guards it.
type connCounts struct {
	seats    map[*seat]struct{}
	refusals int
	peers    map[netip.Addr]int // counted if MaxPerPeer is set
}

func newConnCounts() connCounts {
	return connCounts{seats: make(map[*seat]struct{}), peers: make(map[netip.Addr]int)}
}

// full reports whether the number of sessions has reached MaxSessions.
func (n *connCounts) full(a *Admission) bool {
	return a.MaxSessions > 0 && len(n.seats)-n.refusals >= a.MaxSessions
}

// add decides whether to serve, refuse or close a connection, and sets st.how. It counts
// the connection unless it is to be closed. Unless the connection is served as usual, add
// returns the limit that it exceeds.
func (n *connCounts) add(a *Admission, st *seat) (exceeded sessionLimit) {
	full := n.full(a)
	exceeds := a.MaxPerPeer > 0 && st.addr.IsValid() && n.peers[st.addr] >= a.MaxPerPeer
	if exceeds {
		exceeded = limitPerPeer
	}
	switch {
	case !full && !exceeds:
		st.how = asSession
		if a.MaxPerPeer > 0 {
			n.peers[st.addr]++
		}
	case a.OverLimit == Continue, n.refusals >= max(a.MaxSessions, a.MaxPerPeer):
		st.how = notAtAll
		return exceeded
	default:
		st.how = asRefusal
		n.refusals++
	}
	n.seats[st] = struct{}{}
	return exceeded
}

// identify counts a connection for the IP address that it has announced. If that exceeds
// MaxPerPeer, the connection is refused or closed: st.how says which.
func (n *connCounts) identify(a *Admission, st *seat, addr netip.Addr) (exceeds bool) {
	if st.how != asSession || a.MaxPerPeer == 0 {
		return false
	}
	if n.peers[addr] < a.MaxPerPeer {
		n.forget(st.addr)
		st.addr = addr
		n.peers[addr]++
		return false
	}
	st.how = notAtAll
	if a.OverLimit != Continue && n.refusals < max(a.MaxSessions, a.MaxPerPeer) {
		n.forget(st.addr)
		st.how = asRefusal
		n.refusals++
	}
	return true
}

// forget counts one session less for an IP address.
func (n *connCounts) forget(addr netip.Addr) {
	if n.peers[addr]--; n.peers[addr] <= 0 {
		delete(n.peers, addr)
	}
}

// remove removes a connection from the counts. It returns false if the connection is not
// counted.
func (n *connCounts) remove(st *seat) bool {
	if _, ok := n.seats[st]; !ok {
		return false
	}
	delete(n.seats, st)
	if st.how == asRefusal {
		n.refusals--
	} else {
		n.forget(st.addr)
	}
	return true
}
