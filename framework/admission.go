package framework

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

// Admission limits which MTAs a server accepts, and how many. The zero value accepts
// all.
type Admission struct {
	// MaxSessions limits the number of sessions served at the same time. 0 means
	// no limit. Further MTAs wait in the listeners' backlog, unless OverLimit is
	// set.
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
	errTooManySessions = errors.New("framework: too many sessions")
)

// allowed reports whether Networks and UIDs allow the peer to connect.
func (a *Admission) allowed(conn net.Conn) bool {
	if uc, ok := conn.(*net.UnixConn); ok {
		if len(a.UIDs) == 0 {
			return true
		}
		uid, ok := listen.PeerUID(uc)
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

// admitted says whether a connection is served, refused with OverLimit, or
// closed.
type admitted int

const (
	asSession admitted = iota // served as usual
	asRefusal                 // served by OverLimit alone
	notAtAll                  // closed
)

// connCounts counts the connections of a server. The server's lock guards it.
type connCounts struct {
	conns    map[net.Conn]admitted
	refusals int
	peers    map[netip.Addr]int // counted if MaxPerPeer is set
}

func newConnCounts() connCounts {
	return connCounts{conns: make(map[net.Conn]admitted), peers: make(map[netip.Addr]int)}
}

// full reports whether the number of sessions has reached MaxSessions.
func (n *connCounts) full(a *Admission) bool {
	return a.MaxSessions > 0 && len(n.conns)-n.refusals >= a.MaxSessions
}

// add decides whether to serve, refuse or close a connection. It counts the
// connection unless it is to be closed.
func (n *connCounts) add(a *Admission, conn net.Conn) admitted {
	addr := peerAddr(conn)
	exceeds := a.MaxPerPeer > 0 && addr.IsValid() && n.peers[addr] >= a.MaxPerPeer
	switch {
	case !n.full(a) && !exceeds:
		if a.MaxPerPeer > 0 {
			n.peers[addr]++
		}
		n.conns[conn] = asSession
	case a.OverLimit == Continue, n.refusals >= max(a.MaxSessions, a.MaxPerPeer):
		return notAtAll
	default:
		n.refusals++
		n.conns[conn] = asRefusal
	}
	return n.conns[conn]
}

// remove removes a connection from the counts.
func (n *connCounts) remove(conn net.Conn) {
	how, addr := n.conns[conn], peerAddr(conn)
	delete(n.conns, conn)
	if how == asRefusal {
		n.refusals--
	} else if n.peers[addr]--; n.peers[addr] <= 0 {
		delete(n.peers, addr)
	}
}
