package mta_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// listen starts the filter on a socket for one connection and returns its
// address in milter notation.
func (f *filter) listen(t testing.TB, network string) string {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	f.serving.Go(func() {
		if conn, err := l.Accept(); err == nil {
			f.serve(conn)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.serving.Wait()
	})
	if network == "unix" {
		return "unix:" + address
	}
	return "inet:" + l.Addr().String()
}

func TestDial(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		f := &filter{actions: wire.ActionQuarantine, protocol: wire.ProtoNoHelo}
		c, err := mta.Dial(context.Background(), f.listen(t, network), mta.Config{Offer: mta.PostfixOffer(4)})
		require.NoError(t, err)
		answer, ok := c.Negotiated()
		assert.True(t, ok)
		assert.Equal(t, wire.Negotiate{Version: 4, Actions: wire.ActionQuarantine, Protocol: wire.ProtoNoHelo}, answer)
		_, err = c.Send(context.Background(), letter())
		require.NoError(t, err)
		f.quit(t, c)
		require.ErrorIs(t, c.Err(), net.ErrClosed)
	}
}

// secure serves the filter over TLS for the given number of connections. It returns the
// address, and the authority of its certificates. Each connection gets a new one.
func (f *filter) secure(t *testing.T, n int) (addr string, roots *x509.CertPool) {
	t.Helper()
	roots = x509.NewCertPool()
	var pairs []tls.Certificate
	for i := range n {
		pairs = append(pairs, selfSigned(t, int64(i+1)))
		roots.AddCert(pairs[i].Leaf)
	}
	var taken atomic.Int32
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &pairs[taken.Add(1)-1], nil
	}})
	require.NoError(t, err)
	f.serving.Go(func() {
		for range n {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.serving.Wait()
	})
	return "inet:" + l.Addr().String(), roots
}

// selfSigned returns a certificate for 127.0.0.1.
func selfSigned(t *testing.T, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// A connection goes on while the filter has a new certificate for the next one. The name
// that is checked is the host of the address.
func TestDialTLS(t *testing.T) {
	t.Parallel()
	f := new(filter)
	addr, roots := f.secure(t, 2)
	cfg := mta.Config{TLS: &tls.Config{RootCAs: roots}}
	first, err := mta.Dial(t.Context(), addr, cfg)
	require.NoError(t, err)
	_, err = first.Send(t.Context(), letter())
	require.NoError(t, err)
	second, err := mta.Dial(t.Context(), addr, cfg)
	require.NoError(t, err)
	for _, c := range []*mta.Conn{first, second} {
		_, err = c.Send(t.Context(), letter())
		require.NoError(t, err)
		require.NoError(t, c.Quit(t.Context()))
	}
	f.serving.Wait()
}

func TestDialTLSFails(t *testing.T) {
	t.Parallel()
	f := new(filter)
	addr, roots := f.secure(t, 2)
	_, err := mta.Dial(t.Context(), addr, mta.Config{TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	require.ErrorContains(t, err, "unknown authority")
	_, err = mta.Dial(t.Context(), addr, mta.Config{TLS: &tls.Config{RootCAs: roots, ServerName: "mx.example.org"}})
	require.ErrorContains(t, err, "mx.example.org")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	_, err = mta.Dial(t.Context(), "inet:"+silent.Addr().String(), mta.Config{TLS: new(tls.Config), CommandTimeout: 50 * time.Millisecond})
	assert.ErrorIs(t, err, context.DeadlineExceeded, "CommandTimeout limits the handshake too")
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	_, err := mta.Dial(context.Background(), "carrier-pigeon:7", mta.Config{})
	require.Error(t, err)
	_, err = mta.Dial(context.Background(), "unix:"+filepath.Join(t.TempDir(), "none"), mta.Config{})
	require.Error(t, err)
	_, err = mta.Dial(context.Background(), (&filter{version: 99}).listen(t, "tcp"), mta.Config{})
	var broken *wire.ProtocolError
	require.ErrorAs(t, err, &broken)
}

// Each reply to macros may be read as the reply to the next command. The last
// reply is then still unread at the end.
func TestReplyToMacros(t *testing.T) {
	t.Parallel()
	f := &filter{raw: at(wire.CmdMacro, frame(wire.RepContinue, ""))}
	c, err := mta.Dial(context.Background(), f.listen(t, "tcp"), mta.Config{})
	require.NoError(t, err)
	if _, err = c.Send(context.Background(), letter()); err == nil {
		err = c.Silent(context.Background(), 10*time.Second)
	}
	var broken *wire.ProtocolError
	require.ErrorAs(t, err, &broken)
	_ = c.Close()
}

func TestParseAddr(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"inet:9000@127.0.0.1":  {"tcp", "127.0.0.1:9000"},
		"inet:127.0.0.1:9000":  {"tcp", "127.0.0.1:9000"},
		"inet:mail.example:25": {"tcp", "mail.example:25"},
		"INET:9000":            {"tcp", "127.0.0.1:9000"},
		"inet:9000@":           {"tcp", "127.0.0.1:9000"},
		"inet6:9000@::1":       {"tcp6", "[::1]:9000"},
		"inet6:9000@[::1]":     {"tcp6", "[::1]:9000"},
		"inet6:[::1]:9000":     {"tcp6", "[::1]:9000"},
		"inet6:9000":           {"tcp6", "[::1]:9000"},
		"unix:/run/x.sock":     {"unix", "/run/x.sock"},
		"local:x.sock":         {"unix", "x.sock"},
		"/run/a:b":             {"unix", "/run/a:b"},
	} {
		network, address, err := mta.ParseAddr(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, [2]string{network, address}, in)
	}
	for _, in := range []string{
		"", "inet:", "unix:", "inet:0@x", "inet:65536@x", "inet:smtp@x", "inet:::1:9000", "http://x", "inet:-1",
	} {
		_, _, err := mta.ParseAddr(in)
		assert.Error(t, err, in)
	}
}
