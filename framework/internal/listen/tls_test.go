package listen_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
	"github.com/sluicemail/sluice/framework/internal/tlstest"
)

func authority(t *testing.T) *tlstest.Authority {
	t.Helper()
	a, err := tlstest.NewAuthority()
	require.NoError(t, err)
	return a
}

func files(t *testing.T, a *tlstest.Authority, dir string) (cert, key string) {
	t.Helper()
	cert, key, err := a.Files(dir, "filter")
	require.NoError(t, err)
	return cert, key
}

// echo is a server that returns what it receives, on each connection of a listener.
type echo struct {
	addr  string
	limit time.Duration // of Open

	mu      sync.Mutex
	opened  []error // the results of Open
	reports []error
}

// patience is the limit of what happens at once unless the machine is busy.
const patience = time.Minute

// serve serves an address until the test ends.
func serve(t *testing.T, address string) *echo {
	t.Helper()
	return serveFor(t, address, patience)
}

// serveFor is like serve, with a limit of Open.
func serveFor(t *testing.T, address string, limit time.Duration) *echo {
	t.Helper()
	ln, err := listen.Open(address)
	require.NoError(t, err)
	e := &echo{addr: ln.Addr().String(), limit: limit}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { e.serve(conn.(*listen.Conn)) })
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, ln.Close())
		wg.Wait()
	})
	return e
}

func (e *echo) serve(conn *listen.Conn) {
	defer func() { _ = conn.Close() }()
	err := conn.Open(e.limit, func(err error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.reports = append(e.reports, err)
	})
	e.mu.Lock()
	e.opened = append(e.opened, err)
	e.mu.Unlock()
	if err == nil {
		_, _ = io.Copy(conn, conn)
	}
}

// results returns what Open returned, and what it reported, once there are n results.
func (e *echo) results(t *testing.T, n int) (opened, reports []error) {
	t.Helper()
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.opened) >= n
	}, patience, time.Millisecond)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opened, e.reports
}

// exchange sends a text and expects it back.
func exchange(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err := conn.Write([]byte("text"))
	require.NoError(t, err)
	got := make([]byte, 4)
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	assert.Equal(t, "text", string(got))
}

func client(t *testing.T, a *tlstest.Authority, name string) *tls.Config {
	t.Helper()
	cfg, err := a.Client(name)
	require.NoError(t, err)
	return cfg
}

func TestTLS(t *testing.T) {
	t.Parallel()
	a := authority(t)
	cert, key := files(t, a, t.TempDir())
	e := serve(t, "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key)
	for name, c := range map[string]struct {
		change func(cfg *tls.Config)
		want   string
	}{
		"1.3":          {func(*tls.Config) {}, ""},
		"1.2":          {func(cfg *tls.Config) { cfg.MaxVersion = tls.VersionTLS12 }, ""},
		"1.1":          {func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "protocol version not supported"},
		"another name": {func(cfg *tls.Config) { cfg.ServerName = "mx.example.org" }, "not mx.example.org"},
		"a stranger":   {func(cfg *tls.Config) { cfg.RootCAs = x509.NewCertPool() }, "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := client(t, a, "")
			c.change(cfg)
			conn, err := tls.Dial("tcp", e.addr, cfg)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			exchange(t, conn)
			assert.NoError(t, conn.Close())
		})
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, key := files(t, a, dir)
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, a.PEM, 0o600))
	e := serve(t, "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key+"&client_ca="+ca)
	other := client(t, authority(t), "mx.example.org")
	other.RootCAs = a.Pool
	for name, cfg := range map[string]*tls.Config{
		"of the authority": client(t, a, "mx.example.org"), "none": client(t, a, ""), "of another": other,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := tls.Dial("tcp", e.addr, cfg)
			require.NoError(t, err, "with TLS 1.3 the client does not know yet")
			defer func() { _ = conn.Close() }()
			if name == "of the authority" {
				exchange(t, conn)
				return
			}
			_, err = conn.Read(make([]byte, 1))
			assert.ErrorContains(t, err, "certificate")
		})
	}
}

// A replaced certificate is used from the next handshake on, and connections go on. One
// that cannot be used is reported once, and the one before stays in use.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, key := files(t, a, dir)
	began := time.Now()
	e := serve(t, "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key)
	n := 0
	dial := func() (*tls.Conn, string) {
		conn, err := tls.Dial("tcp", e.addr, client(t, a, ""))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		exchange(t, conn)
		n++
		return conn, conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	old, first := dial()
	files(t, a, dir)
	if _, again := dial(); time.Since(began) < time.Second { // a busy machine may need longer
		assert.Equal(t, first, again, "the files are looked at once a second")
	}

	time.Sleep(1100 * time.Millisecond)
	_, second := dial()
	assert.NotEqual(t, first, second)
	exchange(t, old)
	_, reports := e.results(t, n)
	assert.Equal(t, []error{nil}, reports)

	good, err := os.ReadFile(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, []byte("text"), 0o600))
	for range 2 {
		time.Sleep(1100 * time.Millisecond)
		_, serial := dial()
		assert.Equal(t, second, serial)
	}
	_, reports = e.results(t, n)
	require.Len(t, reports, 2, "a bad file is reported once")
	require.ErrorContains(t, reports[1], key)

	require.NoError(t, os.Remove(key))
	time.Sleep(1100 * time.Millisecond)
	_, serial := dial()
	assert.Equal(t, second, serial)
	_, reports = e.results(t, n)
	require.Len(t, reports, 3)
	require.ErrorContains(t, reports[2], "no such file")

	require.NoError(t, os.WriteFile(key, good, 0o600))
	time.Sleep(1100 * time.Millisecond)
	_, serial = dial()
	assert.Equal(t, second, serial)
	exchange(t, old)
	_, reports = e.results(t, n)
	require.Len(t, reports, 4)
	assert.NoError(t, reports[3], "the files are good again")
}

// After a failure the files are read again although their size and time are the same, as after
// a change of the mode.
func TestCertificateIsMendedUnseen(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, key := files(t, a, dir)
	e := serve(t, "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key)
	good, err := os.ReadFile(key)
	require.NoError(t, err)
	when := time.Now().Add(-time.Minute)
	n := 0
	for _, text := range [][]byte{[]byte(strings.Repeat("x", len(good))), good, good} {
		require.NoError(t, os.WriteFile(key, text, 0o600))
		require.NoError(t, os.Chtimes(key, when, when))
		for range 2 {
			time.Sleep(1100 * time.Millisecond)
			conn, err := tls.Dial("tcp", e.addr, client(t, a, ""))
			require.NoError(t, err)
			exchange(t, conn)
			require.NoError(t, conn.Close())
			n++
		}
	}
	_, reports := e.results(t, n)
	require.Len(t, reports, 2, "each change once")
	require.Error(t, reports[0])
	assert.NoError(t, reports[1])
}

// certbot replaces symbolic links. The files behind them are used from then on.
func TestCertificateBehindLinks(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	link := filepath.Join(dir, "live")
	point := func(name string) {
		target := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(target, 0o700))
		files(t, a, target)
		require.NoError(t, os.Symlink(target, link+".new"))
		require.NoError(t, os.Rename(link+".new", link))
	}
	point("one")
	e := serve(t, "tls:inet:0@127.0.0.1?cert="+link+"/filter.pem&key="+link+"/filter.key")
	serial := func() string {
		conn, err := tls.Dial("tcp", e.addr, client(t, a, ""))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	point("two")
	time.Sleep(1100 * time.Millisecond)
	assert.NotEqual(t, first, serial())
}

// A session is not resumed: its client would not be checked against a new client_ca.
func TestNoResumption(t *testing.T) {
	t.Parallel()
	a := authority(t)
	cert, key := files(t, a, t.TempDir())
	e := serve(t, "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := client(t, a, "")
		cfg.MaxVersion, cfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		for range 2 {
			conn, err := tls.Dial("tcp", e.addr, cfg)
			require.NoError(t, err)
			exchange(t, conn)
			assert.False(t, conn.ConnectionState().DidResume)
			require.NoError(t, conn.Close())
		}
	}
}

// A peer that says nothing, or half of a greeting, or something else than TLS, ends with
// an error within the timeout.
func TestTLSIsBounded(t *testing.T) {
	t.Parallel()
	a := authority(t)
	cert, key := files(t, a, t.TempDir())
	for name, c := range map[string]struct {
		sent  string
		limit time.Duration
		want  string
	}{
		"nothing":            {"", 500 * time.Millisecond, "i/o timeout"},
		"half a greeting":    {"\x16\x03\x01\x02\x00\x01\x00", 500 * time.Millisecond, "i/o timeout"},
		"milter without TLS": {"\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff", 2 * patience, "does not look like a TLS handshake"},
		"a PROXY header":     {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 2 * patience, "does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := serveFor(t, "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key, c.limit)
			conn, err := net.Dial("tcp", e.addr)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = conn.Write([]byte(c.sent))
			require.NoError(t, err)
			opened, _ := e.results(t, 1)
			require.ErrorContains(t, opened[0], c.want)
			require.ErrorContains(t, opened[0], "TLS handshake: ")
		})
	}
}

// Another server may accept connections of a TLS listener: the handshake is then done with
// the first data.
func TestTLSWithoutOpen(t *testing.T) {
	t.Parallel()
	a := authority(t)
	cert, key := files(t, a, t.TempDir())
	ln, err := listen.Open("tls:inet:0@127.0.0.1?cert=" + cert + "&key=" + key)
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_, _ = io.CopyN(conn, conn, 4)
		}
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client(t, a, ""))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	exchange(t, conn)
}
