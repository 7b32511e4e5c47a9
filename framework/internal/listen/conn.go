package listen

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"
)

// listener accepts connections that begin with a PROXY header, with TLS, or with both in
// this order.
type listener struct {
	tcp       *net.TCPListener
	certs     *certificates  // or nil
	balancers []netip.Prefix // or nil
}

// Accept implements net.Listener. It does not wait for data of the connection.
func (l *listener) Accept() (net.Conn, error) {
	tcp, err := l.tcp.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(tcp, l), nil
}

// Close implements net.Listener.
func (l *listener) Close() error { return l.tcp.Close() }

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.tcp.Addr() }

// SyscallConn implements syscall.Conn, so that the socket can be handed over.
func (l *listener) SyscallConn() (syscall.RawConn, error) { return l.tcp.SyscallConn() }

// File returns a copy of the socket's descriptor, as the method of net.TCPListener does.
func (l *listener) File() (*os.File, error) { return l.tcp.File() }

// Conn is a connection that begins with a PROXY header, with TLS, or with both. Open
// must be called before it is read or written.
type Conn struct {
	net.Conn // TLS, or what follows the PROXY header

	tcp    net.Conn
	on     *listener
	head   *header   // or nil
	tls    *tls.Conn // or nil
	peer   atomic.Pointer[net.TCPAddr]
	until  time.Time // when Open must be over, or zero
	report func(error)
}

func newConn(tcp net.Conn, on *listener) *Conn {
	c := &Conn{Conn: tcp, tcp: tcp, on: on, report: logReload}
	if on.balancers != nil {
		c.head = &header{Conn: tcp}
		c.Conn = c.head
	}
	if on.certs != nil {
		c.tls = tls.Server(c.Conn, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.config})
		c.Conn = c.tls
	}
	return c
}

// logReload is for listeners that are not served by framework.Server.
func logReload(err error) {
	if err != nil {
		slog.Error("TLS certificate not read again; the one before stays in use", "error", err)
	}
}

func (c *Conn) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	return c.on.certs.config(c.report), nil
}

// Trusted reports whether the connection may send a PROXY header, if it must send one.
func (c *Conn) Trusted() bool {
	tcp, ok := c.tcp.RemoteAddr().(*net.TCPAddr)
	if c.head == nil || !ok {
		return c.head == nil
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(c.on.balancers, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Announced reports whether the address of the peer is that of a PROXY header, which Open
// and Identify read. Before that, RemoteAddr is the address of the balancer.
func (c *Conn) Announced() bool { return c.head != nil }

// Named reports whether a PROXY header has named another peer than the balancer itself.
// HAProxy's health checks have a header without an address in version 2, and in version 1
// one with its own address.
func (c *Conn) Named() bool {
	peer, own := c.peer.Load(), c.tcp.RemoteAddr()
	tcp, ok := own.(*net.TCPAddr)
	return peer != nil && (!ok || !tcp.IP.Equal(peer.IP))
}

// Identify reads the PROXY header, if the listener asks for one. Open does so, too. Call
// Identify before it to decide about the peer before the TLS handshake. The timeout is for
// both calls together.
func (c *Conn) Identify(timeout time.Duration) error {
	if c.until.IsZero() {
		c.until = time.Now().Add(timeout)
		_ = c.tcp.SetDeadline(c.until)
	}
	if c.head == nil || c.head.known {
		return nil
	}
	if err := c.readHeader(); err != nil {
		return fmt.Errorf("PROXY header: %w", err)
	}
	return nil
}

// Open reads the PROXY header and does the TLS handshake, as far as the listener has
// them, within the timeout. It calls report if it has read a changed certificate, with
// the error if the certificate cannot be used.
func (c *Conn) Open(timeout time.Duration, report func(error)) error {
	c.report = report
	if err := c.Identify(timeout); err != nil {
		return err
	}
	if c.tls != nil {
		if err := c.tls.Handshake(); err != nil {
			return fmt.Errorf("TLS handshake: %w", err)
		}
	}
	return c.tcp.SetDeadline(time.Time{})
}

// readHeader reads the PROXY header. A header of the balancer itself (LOCAL, UNKNOWN), such
// as that of a health check, leaves the balancer's address.
func (c *Conn) readHeader() error {
	head, err := c.head.read()
	if err != nil || head.Command.IsLocal() {
		return err
	}
	peer, ok := head.SourceAddr.(*net.TCPAddr)
	if !ok {
		return errors.New("the source is no TCP address")
	}
	c.peer.Store(peer)
	return nil
}

// RemoteAddr implements net.Conn. After Identify it is the address in the PROXY header.
func (c *Conn) RemoteAddr() net.Addr {
	if peer := c.peer.Load(); peer != nil {
		return peer
	}
	return c.tcp.RemoteAddr()
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.tcp.LocalAddr() }

// Abort closes the socket at once. Close tells the peer of a TLS connection first, and
// waits for it if the socket's buffer is full.
func (c *Conn) Abort() error { return c.tcp.Close() }

// header is a connection that begins with a PROXY header.
type header struct {
	net.Conn
	known    bool
	buffered *bufio.Reader // what was read with the header, or nil
}

// maxInOneRead is the room for a header of version 1, which must arrive in one piece, and
// for most headers of version 2.
const maxInOneRead = 256

func (h *header) read() (*proxyproto.Header, error) {
	h.buffered = bufio.NewReaderSize(h.Conn, maxInOneRead)
	head, err := proxyproto.Read(h.buffered)
	if errors.Is(err, proxyproto.ErrNoProxyProtocol) && h.buffered.Buffered() == 0 {
		return nil, io.EOF // the library does not tell this from other data
	}
	h.known = err == nil
	return head, err
}

// Read implements net.Conn.
func (h *header) Read(p []byte) (int, error) {
	if !h.known {
		return 0, errNotOpen // the header must not be taken for data
	}
	if h.buffered != nil && h.buffered.Buffered() > 0 {
		return h.buffered.Read(p)
	}
	h.buffered = nil
	return h.Conn.Read(p)
}

var errNotOpen = errors.New("framework: the PROXY header was not read: only framework.Server serves such a listener")
