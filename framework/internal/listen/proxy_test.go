package listen_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

var (
	mx     = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 40025}
	filter = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 80), Port: 9000}
)

// announce returns a PROXY header.
func announce(t *testing.T, version byte, change ...func(*proxyproto.Header)) string {
	t.Helper()
	head := proxyproto.HeaderProxyFromAddrs(version, mx, filter)
	for _, fn := range change {
		fn(head)
	}
	text, err := head.Format()
	require.NoError(t, err)
	return string(text)
}

// accepted returns the server's and the client's end of a connection to an address.
func accepted(t *testing.T, address string) (*listen.Conn, net.Conn) {
	t.Helper()
	ln, err := listen.Open(address)
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	conn, err := ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		_ = conn.Close()
	})
	return conn.(*listen.Conn), client
}

func open(conn *listen.Conn) error { return openFor(conn, patience) }

func openFor(conn *listen.Conn, limit time.Duration) error {
	return conn.Open(limit, func(error) {})
}

const byLoopback = "inet:0@127.0.0.1?proxy=10.0.0.0/8,127.0.0.1"

func TestProxyHeader(t *testing.T) {
	t.Parallel()
	six := &net.TCPAddr{IP: net.ParseIP("2001:db8::25"), Port: 1}
	for name, c := range map[string]struct{ head, want string }{
		"version 1": {announce(t, 1), mx.String()},
		"version 2": {announce(t, 2), mx.String()},
		"IPv6": {announce(t, 2, func(h *proxyproto.Header) {
			h.TransportProtocol, h.SourceAddr, h.DestinationAddr = proxyproto.TCPv6, six, six
		}), six.String()},
		"with more": {announce(t, 2, func(h *proxyproto.Header) {
			_ = h.SetTLVs([]proxyproto.TLV{{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: []byte(strings.Repeat("x", 3000))}})
		}), mx.String()},
		"LOCAL": {announce(t, 2, func(h *proxyproto.Header) {
			h.Command, h.TransportProtocol = proxyproto.LOCAL, proxyproto.UNSPEC
		}), "127.0.0.1:"},
		"LOCAL, with addresses": {announce(t, 2, func(h *proxyproto.Header) { h.Command = proxyproto.LOCAL }), "127.0.0.1:"},
		"UNKNOWN":               {"PROXY UNKNOWN\r\n", "127.0.0.1:"},
		"its own address":       {"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, client := accepted(t, byLoopback)
			assert.True(t, conn.Trusted())
			assert.True(t, conn.Announced())
			assert.Equal(t, client.LocalAddr().String(), conn.RemoteAddr().String(), "before the header is read")
			_, err := client.Write([]byte(c.head + "first"))
			require.NoError(t, err)
			require.NoError(t, open(conn))
			assert.Contains(t, conn.RemoteAddr().String(), c.want)
			assert.Equal(t, c.want != "127.0.0.1:", conn.Named())
			assert.Equal(t, client.RemoteAddr().String(), conn.LocalAddr().String())
			_, err = client.Write([]byte(" second"))
			require.NoError(t, err)
			got := make([]byte, len("first second"))
			_, err = io.ReadFull(conn, got)
			require.NoError(t, err)
			assert.Equal(t, "first second", string(got), "what follows the header")
		})
	}
}

// A header that is missing, cut short, too large or wrong is an error within the timeout.
func TestHostileProxyHeader(t *testing.T) {
	t.Parallel()
	two := announce(t, 2)
	oversize := two[:14] + "\xff\xff" + strings.Repeat("x", 0xffff)
	udp := announce(t, 2, func(h *proxyproto.Header) {
		h.TransportProtocol = proxyproto.UDPv4
		h.SourceAddr, h.DestinationAddr = &net.UDPAddr{IP: mx.IP}, &net.UDPAddr{IP: mx.IP}
	})
	for name, c := range map[string]struct{ sent, want string }{
		"nothing":                 {"", "i/o timeout"},
		"milter without it":       {"\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff", "signature not present"},
		"half of version 1":       {"PROXY TCP4 192.0.2", "can't read version 1 header"},
		"half a signature":        {two[:7], "i/o timeout"},
		"half of version 2":       {two[:20], "i/o timeout"},
		"version 1, too long":     {"PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n", "107 bytes or less"},
		"version 1, no line end":  {strings.Repeat("PROXY ", 50), "107 bytes or less"},
		"version 2, too large":    {oversize, "invalid length"},
		"version 2, too short":    {two[:14] + "\x00\x04abcd", "invalid length"},
		"version 3":               {two[:12] + "\x31" + two[13:], "unsupported proxy protocol version"},
		"an unknown family":       {two[:13] + "\x13" + two[14:], "unsupported address family"},
		"a name":                  {"PROXY TCP4 mx.example.org 192.0.2.1 1 2\r\n", "invalid address"},
		"IPv6 as IPv4":            {"PROXY TCP4 ::1 ::1 1 2\r\n", "invalid address"},
		"a port too large":        {"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", "invalid port"},
		"LF alone":                {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", `must end with \r\n`},
		"UDP":                     {udp, "the source is no TCP address"},
		"version 1 in lower case": {"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "signature not present"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, client := accepted(t, byLoopback)
			_, err := client.Write([]byte(c.sent))
			require.NoError(t, err)
			limit := 2 * patience
			if name == "nothing" || strings.HasPrefix(name, "half ") { // others do not wait for more
				limit = 500 * time.Millisecond
			}
			began := time.Now()
			err = openFor(conn, limit)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "PROXY header: ")
			assert.Less(t, time.Since(began), patience)
			assert.Equal(t, client.LocalAddr().String(), conn.RemoteAddr().String(), "the header was not believed")
			require.NoError(t, client.Close())
			_, err = conn.Read(make([]byte, 1))
			assert.Error(t, err, "it is not read as data")
		})
	}
}

// A probe that closes without data is told from other data.
func TestProxyProbe(t *testing.T) {
	t.Parallel()
	conn, client := accepted(t, byLoopback)
	require.NoError(t, client.Close())
	assert.ErrorIs(t, open(conn), io.EOF)
}

func TestUntrusted(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"inet:0@127.0.0.1?proxy=192.0.2.0/24": false, "inet:0@127.0.0.1?proxy=::1": false, byLoopback: true,
		"inet:0@127.0.0.1?proxy=0.0.0.0/0": true,
	} {
		conn, _ := accepted(t, address)
		assert.Equal(t, want, conn.Trusted(), address)
	}
}

// Without Open the header is not read, and never taken for data.
func TestProxyWithoutOpen(t *testing.T) {
	t.Parallel()
	conn, client := accepted(t, byLoopback)
	_, err := client.Write([]byte(announce(t, 1)))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 10))
	assert.ErrorContains(t, err, "only framework.Server serves such a listener")
}

// The PROXY header comes before TLS.
func TestProxyAndTLS(t *testing.T) {
	t.Parallel()
	a := authority(t)
	cert, key := files(t, a, t.TempDir())
	conn, client := accepted(t, "tls:"+byLoopback+"&cert="+cert+"&key="+key)
	opened := make(chan error, 1)
	go func() { opened <- open(conn) }()
	_, err := client.Write([]byte(announce(t, 2)))
	require.NoError(t, err)
	cfg, err := a.Client("")
	require.NoError(t, err)
	secure := tls.Client(client, cfg)
	require.NoError(t, secure.Handshake())
	require.NoError(t, <-opened)
	assert.Equal(t, mx.String(), conn.RemoteAddr().String())
	go func() { _, _ = io.Copy(conn, conn) }()
	exchange(t, secure)
	require.NoError(t, conn.Abort())
	_, err = secure.Read(make([]byte, 1))
	assert.Error(t, err)
}

// A listener that another process passed on has TLS and the PROXY protocol again.
func TestAdoptWrapped(t *testing.T) {
	t.Parallel()
	a := authority(t)
	cert, key := files(t, a, t.TempDir())
	address := "tls:" + byLoopback + "&cert=" + cert + "&key=" + key
	first, err := listen.Open(address)
	require.NoError(t, err)
	second, err := listen.Adopt(address, passOn(t, first))
	require.NoError(t, err)
	require.NoError(t, first.Close())
	client, err := net.Dial("tcp", second.Addr().String())
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	conn, err := second.Accept()
	require.NoError(t, err)
	assert.True(t, conn.(*listen.Conn).Announced())
	require.NoError(t, conn.Close())
	require.NoError(t, second.Close())

	_, err = second.(interface{ File() (*os.File, error) }).File()
	assert.ErrorIs(t, err, net.ErrClosed)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	foreign, err := listen.Adopt("my own syntax", plain)
	require.NoError(t, err)
	assert.Equal(t, plain, foreign)
	require.NoError(t, foreign.Close())
	_, err = listen.Adopt("tls:inet:0?cert=/nonexistent&key=/nonexistent", foreign)
	require.ErrorContains(t, err, "no such file")
	_, err = listen.Adopt("tls:inet:0?cert=x", foreign)
	assert.ErrorContains(t, err, "needs the options cert and key", "never without TLS")
}

// No bytes make the header's reader panic or wait longer than the timeout.
func FuzzProxyHeader(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nrest", "PROXY UNKNOWN\r\n", "PROXY", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c0123456789ab",
		"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00O", "\x16\x03\x01", "",
	} {
		f.Add([]byte(seed))
	}
	ln, err := listen.Open(byLoopback)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = ln.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		client, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		accepted, err := ln.Accept()
		require.NoError(t, err)
		conn := accepted.(*listen.Conn)
		defer func() { _ = conn.Close() }()
		_, _ = client.Write(data)
		_ = client.Close()
		if err := conn.Open(time.Second, func(error) {}); err != nil {
			return
		}
		rest, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			require.NoError(t, err)
		}
		assert.True(t, strings.HasSuffix(string(data), string(rest)))
	})
}
