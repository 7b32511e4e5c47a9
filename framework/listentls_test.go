package framework_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/loglimit"
	"github.com/sluicemail/sluice/framework/internal/tlstest"
	"github.com/sluicemail/sluice/wire/mta"
)

// secured is a server at an address, and its certificates.
type secured struct {
	*framework.Server
	authority *tlstest.Authority
	dir       string
	log       *logBook
	addr      string
	stop      func()
}

// secure serves a filter at an address until the test ends. In the options, FILES stands
// for a certificate and its key.
func secure(t *testing.T, r *framework.Router, options string, change func(*framework.Config)) *secured {
	t.Helper()
	a, err := tlstest.NewAuthority()
	require.NoError(t, err)
	s := &secured{authority: a, dir: t.TempDir(), log: new(logBook)}
	cert, key := s.issue(t)
	cfg := framework.Config{Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&cfg)
	}
	kind, options, _ := strings.Cut(options, "?")
	ln, err := framework.Listen(kind + "inet:0@127.0.0.1?" + strings.ReplaceAll(options, "FILES", "cert="+cert+"&key="+key))
	require.NoError(t, err)
	s.Server, s.addr = newServer(t, r, cfg), ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	s.stop = sync.OnceFunc(func() {
		assert.NoError(t, s.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
		assert.Eventually(t, func() bool { return s.Stats().Connections == 0 }, time.Minute, time.Millisecond)
	})
	t.Cleanup(s.stop)
	return s
}

func (s *secured) issue(t *testing.T) (cert, key string) {
	t.Helper()
	cert, key, err := s.authority.Files(s.dir, "filter")
	require.NoError(t, err)
	return cert, key
}

// config returns an MTA's configuration, with a client certificate if name is not empty.
func (s *secured) config(t *testing.T, name string) mta.Config {
	t.Helper()
	cfg, err := s.authority.Client(name)
	require.NoError(t, err)
	return mta.Config{TLS: cfg, CommandTimeout: time.Minute}
}

// behind connects as a balancer that announces an address.
func (s *secured) behind(t *testing.T, head string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte(head))
	require.NoError(t, err)
	return conn
}

// announcing returns a PROXY header for an MTA.
func announcing(addr string) string { return "PROXY TCP4 " + addr + " 192.0.2.80 40025 9000\r\n" }

// deliver sends a message and expects that the filter adds its field.
func deliver(t *testing.T, conn *mta.Conn) {
	t.Helper()
	out, err := conn.Send(t.Context(), letter())
	require.NoError(t, err)
	require.NotNil(t, out.Edited)
	assert.Greater(t, len(out.Edited.Header), len(letter().Header))
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	s := secure(t, headerFilter(), "tls:?FILES", nil)
	conn, err := mta.Dial(t.Context(), "inet:"+s.addr, s.config(t, ""))
	require.NoError(t, err)
	for range 3 {
		deliver(t, conn)
	}
	require.NoError(t, conn.Quit(t.Context()))

	cfg := s.config(t, "")
	cfg.TLS.MaxVersion, cfg.TLS.ServerName = tls.VersionTLS12, "" // it is the host of the address
	conn, err = mta.Dial(t.Context(), "inet:"+s.addr, cfg)
	require.NoError(t, err)
	deliver(t, conn)
	require.NoError(t, conn.Close())
	s.stop()
	assert.NotContains(t, s.log.String(), "level=WARN")
}

// An MTA without TLS is refused with a line that says why, and a port probe makes no
// warning. The lines of a peer are bounded.
func TestTLSFailuresAreLogged(t *testing.T) {
	t.Parallel()
	s := secure(t, headerFilter(), "tls:?FILES", nil)
	for range 25 {
		_, err := mta.Dial(t.Context(), "inet:"+s.addr, mta.Config{})
		require.Error(t, err)
	}
	probe, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	require.NoError(t, probe.Close())
	assert.Eventually(t, func() bool { return strings.Contains(s.log.String(), "TLS handshake: EOF") }, time.Minute, time.Millisecond)
	s.stop()
	lines := regexp.MustCompile(`(?m)^.*level=WARN msg="MTA connection refused" peer=127\.0\.0\.1:\d+ reason="framework: not opened: TLS handshake: tls: first record does not look like a TLS handshake".*$`)
	assert.Len(t, lines.FindAllString(s.log.String(), -1), 10, s.log.String())
	assert.Regexp(t, `msg="log lines suppressed" peer=127.0.0.1 .*suppressed=15 `, s.log.String())
	assert.Equal(t, 11, strings.Count(s.log.String(), "level=WARN"))
}

func TestClientCertificateIsRequired(t *testing.T) {
	t.Parallel()
	a, err := tlstest.NewAuthority()
	require.NoError(t, err)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, a.PEM, 0o600))
	s := secure(t, headerFilter(), "tls:?FILES&client_ca="+ca, nil)
	known, err := a.Client("mx.example.org")
	require.NoError(t, err)
	known.RootCAs = s.authority.Pool
	conn, err := mta.Dial(t.Context(), "inet:"+s.addr, mta.Config{TLS: known})
	require.NoError(t, err)
	deliver(t, conn)
	require.NoError(t, conn.Close())
	for _, name := range []string{"", "stranger"} {
		_, err = mta.Dial(t.Context(), "inet:"+s.addr, s.config(t, name))
		require.Error(t, err, name)
	}
	s.stop()
	assert.Equal(t, 2, strings.Count(s.log.String(), "level=WARN"), s.log.String())
	assert.Contains(t, s.log.String(), "client didn't provide a certificate")
}

// A client certificate has a bounded share in the log, whatever it holds.
func TestHostileClientCertificateInLog(t *testing.T) {
	t.Parallel()
	a, err := tlstest.NewAuthority()
	require.NoError(t, err)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, a.PEM, 0o600))
	s := secure(t, headerFilter(), "tls:?FILES&client_ca="+ca, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	san, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte("http://%\x1b[2J" + strings.Repeat("x", 50_000))}})
	require.NoError(t, err)
	hostile := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: san}},
	}
	der, err := x509.CreateCertificate(rand.Reader, hostile, hostile, key.Public(), key)
	require.NoError(t, err)
	cfg := s.config(t, "")
	cfg.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
	}
	_, err = mta.Dial(t.Context(), "inet:"+s.addr, cfg)
	require.Error(t, err)
	s.stop()
	assert.Contains(t, s.log.String(), "cannot parse URI")
	assert.Less(t, len(s.log.String()), 2000)
	assert.NotContains(t, s.log.String(), "\x1b")
}

// The certificate is replaced under load: no message is lost, connections go on, and new
// ones get the new certificate. A bad file is logged once.
func TestCertificateReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	s := secure(t, headerFilter(), "tls:?FILES", nil)
	old, err := mta.Dial(t.Context(), "inet:"+s.addr, s.config(t, ""))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		cfg := s.config(t, "")
		wg.Go(func() {
			for ctx.Err() == nil {
				conn, err := mta.Dial(t.Context(), "inet:"+s.addr, cfg)
				if !assert.NoError(t, err) {
					return
				}
				for range 3 {
					_, err = conn.Send(t.Context(), letter())
					assert.NoError(t, err)
				}
				assert.NoError(t, conn.Quit(t.Context()))
			}
		})
	}
	serial := func() string {
		conn, err := tls.Dial("tcp", s.addr, s.config(t, "").TLS)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	s.issue(t)
	assert.Eventually(t, func() bool { return serial() != first }, time.Minute, 50*time.Millisecond)
	second := serial()
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "filter.pem"), []byte("text"), 0o600))
	// Another line may be about a look between the replacements of the two files.
	bad := regexp.MustCompile(`(?m)^.*level=ERROR msg="TLS certificate not read again; the one before stays in use" error="` +
		regexp.QuoteMeta(s.dir) + `.*failed to find any PEM data.*$`)
	assert.Eventually(t, func() bool { return bad.MatchString(s.log.String()) }, time.Minute, 50*time.Millisecond)
	time.AfterFunc(2*time.Second, cancel) // the file is looked at once a second
	wg.Wait()
	assert.Equal(t, second, serial())
	deliver(t, old)
	require.NoError(t, old.Quit(t.Context()))
	s.stop()
	assert.LessOrEqual(t, strings.Count(s.log.String(), `msg="TLS certificate read again"`), 2) // between the two files
	assert.Len(t, bad.FindAllString(s.log.String(), -1), 1, s.log.String())
}

// Peers that begin a handshake and say nothing more do not keep an MTA from being served.
// Each ends after NegotiateTimeout, and the log stays short.
func TestSlowHandshakes(t *testing.T) {
	t.Parallel()
	const (
		peers    = 300
		timeout  = 30 * time.Second // by then all are connected, on a busy machine too
		patience = 4 * timeout
	)
	began := time.Now()
	s := secure(t, headerFilter(), "tls:?FILES", func(cfg *framework.Config) { cfg.NegotiateTimeout = timeout })
	conns := make([]net.Conn, peers)
	for i := range conns {
		conns[i] = s.behind(t, "\x16\x03\x01\x02\x00\x01\x00\x01")
	}
	assert.Eventually(t, func() bool { return s.Stats().Connections == peers }, patience, time.Millisecond, "they count")
	conn, err := mta.Dial(t.Context(), "inet:"+s.addr, s.config(t, ""))
	require.NoError(t, err)
	deliver(t, conn)
	require.NoError(t, conn.Close())
	for _, c := range conns {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		_, err := io.Copy(io.Discard, c) // what the server says before it closes
		if err != nil {
			require.ErrorContains(t, err, "reset")
		}
	}
	assert.Eventually(t, func() bool { return s.Stats().Connections == 0 }, patience, time.Millisecond)
	// On a slow machine the peers end in more than one window. Each has a line about those left out.
	windows := 1 + int(time.Since(began)/loglimit.Window)
	assert.LessOrEqual(t, strings.Count(s.log.String(), "level=WARN"), windows*(loglimit.MaxLines+1))
}

// Handshakes count against MaxSessions and MaxPerPeer.
func TestHandshakesCount(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]framework.Admission{
		"MaxSessions": {MaxSessions: 2, OverLimit: framework.MustReply(421, "4.3.2", "too busy")}, "MaxPerPeer": {MaxPerPeer: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := secure(t, headerFilter(), "tls:?FILES", func(cfg *framework.Config) { cfg.Admission, cfg.NegotiateTimeout = limit, time.Minute })
			for range 2 {
				s.behind(t, "\x16\x03")
			}
			assert.Eventually(t, func() bool { return s.Stats().Connections == 2 }, time.Minute, time.Millisecond)
			conn, err := mta.Dial(t.Context(), "inet:"+s.addr, s.config(t, ""))
			if name == "MaxPerPeer" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			out, err := conn.Send(t.Context(), letter())
			require.NoError(t, err)
			assert.Equal(t, []string{"421 4.3.2 too busy"}, out.Verdict.Lines())
			assert.NoError(t, conn.Close())
		})
	}
}

// peerFilter adds the session's peer to each message.
func peerFilter() *framework.Router {
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		s.Logger().Warn("seen")
		return framework.Continue, add.Append(s, "X-Peer", s.Peer().String())
	})
	return r
}

// Behind a balancer, the peer is the MTA that the PROXY header names: for filters, in logs
// and in Admission.
func TestBehindBalancer(t *testing.T) {
	t.Parallel()
	const mx, stranger = "192.0.2.25", "203.0.113.1"
	for _, kind := range []string{"", "tls:"} {
		t.Run(kind+"inet", func(t *testing.T) {
			t.Parallel()
			options := kind + "?proxy=127.0.0.0/8"
			if kind != "" {
				options += "&FILES"
			}
			s := secure(t, peerFilter(), options, func(cfg *framework.Config) {
				cfg.Admission = framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, MaxPerPeer: 1}
			})
			connect := func(addr string) (*mta.Conn, error) {
				raw := s.behind(t, announcing(addr))
				if kind != "" {
					raw = tls.Client(raw, s.config(t, "").TLS)
				}
				conn := mta.NewConn(raw, mta.Config{CommandTimeout: time.Minute})
				return conn, conn.Negotiate(t.Context())
			}
			first, err := connect(mx)
			require.NoError(t, err)
			other, err := connect("192.0.2.26")
			require.NoError(t, err, "MaxPerPeer counts each MTA")
			out, err := first.Send(t.Context(), letter())
			require.NoError(t, err)
			header := out.Edited.Header
			assert.Contains(t, header[len(header)-1].Value, mx+":40025")
			_, err = connect(mx)
			require.Error(t, err, "MaxPerPeer")
			_, err = connect(stranger)
			require.Error(t, err, "Networks")
			require.NoError(t, first.Close())
			require.NoError(t, other.Close())
			assert.Eventually(t, func() bool {
				again, err := connect(mx)
				_ = again.Close()
				return err == nil
			}, time.Minute, 10*time.Millisecond, "the MTA has its place again")
			s.stop()
			assert.Contains(t, s.log.String(), "peer="+mx+":40025")
			assert.Regexp(t, `level=WARN msg="MTA connection refused" peer=203.0.113.1:40025 reason=".*its address is not in Admission.Networks`, s.log.String())
			assert.Contains(t, s.log.String(), "limit=MaxPerPeer")
		})
	}
}

// Behind a balancer, handshakes count for the MTA, and an MTA that is not admitted gets none.
func TestHandshakesBehindBalancerCount(t *testing.T) {
	t.Parallel()
	s := secure(t, peerFilter(), "tls:?proxy=127.0.0.1&FILES", func(cfg *framework.Config) {
		cfg.NegotiateTimeout = 2 * time.Minute // of the handshake, whose client looks at other connections
		cfg.Admission = framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, MaxPerPeer: 1}
	})
	// An IPv4 address as IPv6 (version 2) is the same peer.
	mapped := "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24" +
		strings.Repeat(strings.Repeat("\x00", 10)+"\xff\xff\xc0\x00\x02\x19", 2) + "\x00\x01\x00\x02"
	cfg := s.config(t, "").TLS
	cfg.VerifyConnection = func(tls.ConnectionState) error { // the handshake is not over yet
		for _, head := range []string{announcing("192.0.2.25"), mapped, announcing("203.0.113.1")} {
			conn := s.behind(t, head)
			assert.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
			_, err := conn.Read(make([]byte, 1))
			assert.ErrorIs(t, err, io.EOF, "closed without a handshake: %q", head)
		}
		return nil
	}
	conn := tls.Client(s.behind(t, announcing("192.0.2.25")), cfg)
	require.NoError(t, conn.Handshake())
	s.stop()
	assert.Contains(t, s.log.String(), "limit=MaxPerPeer")
	assert.Contains(t, s.log.String(), "peer=203.0.113.1:40025")
}

// A TLS failure behind a balancer is that of the MTA.
func TestTLSFailureBehindBalancerIsLogged(t *testing.T) {
	t.Parallel()
	s := secure(t, peerFilter(), "tls:?proxy=127.0.0.1&FILES", nil)
	conn := s.behind(t, announcing("192.0.2.25")+"EHLO mx.example.org\r\n")
	_, _ = io.Copy(io.Discard, conn)
	s.stop()
	assert.Contains(t, s.log.String(), `msg="MTA connection refused" peer=192.0.2.25:40025 reason="framework: not opened: TLS handshake: `)
}

// A balancer's health checks are its own connections. Peers that are no balancer, and
// connections without a header, are refused.
func TestBalancersAlone(t *testing.T) {
	t.Parallel()
	s := secure(t, peerFilter(), "?proxy=127.0.0.1", func(cfg *framework.Config) {
		cfg.Admission.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	own := s.behind(t, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	conn := mta.NewConn(own, mta.Config{})
	require.NoError(t, conn.Negotiate(t.Context()))
	out, err := conn.Send(t.Context(), letter())
	require.NoError(t, err)
	assert.Contains(t, out.Edited.Header[len(out.Edited.Header)-1].Value, own.LocalAddr().String())
	require.NoError(t, conn.Close())
	_, err = mta.Dial(t.Context(), "inet:"+s.addr, mta.Config{})
	require.Error(t, err)
	half := s.behind(t, "PROXY TCP4 192.0.2.25")
	_, err = bufio.NewReader(half).ReadByte()
	require.Error(t, err)
	s.stop()
	assert.Contains(t, s.log.String(), "PROXY header: proxyproto: proxy protocol signature not present")
	assert.Contains(t, s.log.String(), "PROXY header: proxyproto: can't read version 1 header")

	far := secure(t, peerFilter(), "?proxy=192.0.2.1", nil)
	_, err = bufio.NewReader(far.behind(t, announcing("192.0.2.25"))).ReadByte()
	require.Error(t, err)
	far.stop()
	assert.Regexp(t, `level=WARN msg="MTA connection refused" peer=127.0.0.1:\d+ reason=".*its address is not in the option proxy of the listener"`, far.log.String())
	assert.NotContains(t, far.log.String(), "192.0.2.25", "the header was not read")
}

// OverLimit is what an MTA beyond MaxPerPeer gets, behind a balancer too.
func TestOverLimitBehindBalancer(t *testing.T) {
	t.Parallel()
	s := secure(t, peerFilter(), "?proxy=127.0.0.1", func(cfg *framework.Config) {
		cfg.Admission = framework.Admission{MaxPerPeer: 1, OverLimit: framework.MustReply(421, "4.3.2", "too busy")}
	})
	var texts []string
	for range 3 {
		conn := mta.NewConn(s.behind(t, announcing("192.0.2.25")), mta.Config{})
		if err := conn.Negotiate(t.Context()); err != nil {
			texts = append(texts, "closed")
			continue
		}
		out, err := conn.Send(t.Context(), letter())
		require.NoError(t, err)
		texts = append(texts, strings.Join(out.Verdict.Lines(), ""))
	}
	assert.Equal(t, []string{"", "421 4.3.2 too busy", "closed"}, texts)
}

// Shutdown waits for a handshake, and the session after it. Close does not.
func TestStopInHandshake(t *testing.T) {
	t.Parallel()
	for _, forced := range []bool{false, true} {
		t.Run(fmt.Sprint("forced ", forced), func(t *testing.T) {
			t.Parallel()
			s := secure(t, headerFilter(), "tls:?FILES", func(cfg *framework.Config) {
				cfg.NegotiateTimeout, cfg.DrainGrace = 5*time.Minute, time.Second
			})
			s.behind(t, "\x16\x03")
			assert.Eventually(t, func() bool { return s.Stats().Connections == 1 }, time.Minute, time.Millisecond)
			began := time.Now()
			if forced {
				s.stop()
			} else {
				require.NoError(t, s.Shutdown(t.Context()))
			}
			assert.Less(t, time.Since(began), time.Minute)
		})
	}
}
