//go:build integration

package integration_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/tlstest"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// marked is the field that sluiced adds to each message of these tests.
const marked = "\r\nX-Filtered: yes\r\n"

// renewal is a sluiced with TLS, which requires client certificates.
type renewal struct {
	*testproc.Process
	authority *tlstest.Authority
	dir, addr string
}

func startTLS(t *testing.T) *renewal {
	t.Helper()
	a, err := tlstest.NewAuthority()
	require.NoError(t, err)
	r := &renewal{authority: a, dir: t.TempDir()}
	cert, key, err := a.Files(r.dir, "filter")
	require.NoError(t, err)
	r.write(t, "ca.pem", a.PEM)
	r.write(t, "sluiced.yaml", []byte("filters:\n- headers: {rules: [{do: [{add: {name: X-Filtered, value: 'yes'}}]}]}\n"))
	r.Process = testproc.Start(t, exec.Command(testproc.Build(t, "../../examples/sluiced"), "-config", r.path("sluiced.yaml"),
		"-listen", "tls:inet:0@127.0.0.1?cert="+cert+"&key="+key+"&client_ca="+r.path("ca.pem")))
	r.Await(t, "msg=serving")
	r.addr = regexp.MustCompile(`msg=serving address=(\S+)`).FindStringSubmatch(r.Stderr.String())[1]
	return r
}

func (r *renewal) path(name string) string { return filepath.Join(r.dir, name) }

// write writes a file in place. While it is written, a handshake may find half of it.
func (r *renewal) write(t *testing.T, name string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(r.path(name), text, 0o600))
}

// client returns the configuration of a mail server's client.
func (r *renewal) client(t *testing.T) *tls.Config {
	t.Helper()
	cfg, err := r.authority.Client("mx")
	require.NoError(t, err)
	return cfg
}

// serial connects and returns the serial number of the certificate.
func (r *renewal) serial(t *testing.T) string {
	t.Helper()
	conn, err := (&tls.Dialer{Config: r.client(t)}).DialContext(t.Context(), "tcp", r.addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// looks connects until sluiced has looked at the files, once a second, and has written a line.
// It returns the serial number of the certificate that it has then.
func (r *renewal) looks(t *testing.T, line string) string {
	t.Helper()
	require.Eventually(t, func() bool {
		r.serial(t)
		return r.Stderr.Count(line) > 0
	}, testproc.Patience, 50*time.Millisecond, line)
	return r.serial(t)
}

// stunnel starts stunnel on the host of a mail server that has no TLS for filters.
func (r *renewal) stunnel(t *testing.T) (front string) {
	t.Helper()
	cert, key, err := r.authority.Files(r.dir, "mx")
	require.NoError(t, err)
	front = freeAddr(t, "127.0.0.1")
	configured(t, fmt.Sprintf(`foreground = yes
pid =
debug = notice
[milter]
client = yes
accept = %s
connect = %s
cert = %s
key = %s
CAfile = %s
verifyChain = yes
checkHost = localhost
`, front, r.addr, cert, key, r.path("ca.pem")), "stunnel4")
	awaitPort(t, front)
	return front
}

// The certificate of a sluiced is replaced in steps, while Postfix delivers through stunnel, and
// wire/mta as Postfix and as Stalwart. Their sessions go on. New ones get the new certificate as
// soon as both files are whole and fit. Until then they get the old one, and one line says why.
func TestCertificateReplacedBehindMailServers(t *testing.T) {
	t.Parallel()
	r := startTLS(t)
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{Milters: []string{"inet:" + r.stunnel(t)}})
	staying := realmta.DialSMTP(t, postfix.Addr())
	defer staying.Close()
	conns := make(map[string]*mta.Conn)
	for name, p := range map[string]miltertest.Personality{"Postfix": miltertest.Postfix(), "Stalwart": miltertest.Stalwart()} {
		p.MTA.TLS = r.client(t)
		conn, err := mta.Dial(t.Context(), "inet:"+r.addr, p.MTA)
		require.NoError(t, err, name)
		conns[name] = conn
	}
	sent := 0
	letter := func() realmta.Message {
		sent++
		return realmta.Message{
			From: "sender@example.org", To: []string{"recipient@example.test"},
			Data: []byte("Subject: hello\r\n\r\n" + strings.Repeat("0123456789\r\n", 20_000)),
		}
	}
	goOn := func(when string) {
		t.Helper()
		code, text := staying.Deliver(letter())
		assert.Equal(t, 250, code, "%s: %s", when, text)
		for name, conn := range conns {
			outcome, err := conn.Send(t.Context(), &mta.Message{Header: []mta.Field{{Name: "Subject", Value: " hello"}}, Body: []byte("text\r\n")})
			require.NoError(t, err, "%s: %s", name, when)
			require.NotNil(t, outcome.Edited, "%s: %s", name, when)
			assert.Contains(t, "\r\n"+string(outcome.Edited.Bytes()), marked, "%s: %s", name, when)
		}
		send(t, postfix.Addr(), "a new session")
		sent++
	}
	goOn("before")
	first := r.serial(t)
	cert, key, err := r.authority.Issue("filter")
	require.NoError(t, err)

	r.write(t, "filter.pem", cert[:len(cert)/2])
	assert.Equal(t, first, r.looks(t, "failed to find any PEM data in certificate input"), "half of a certificate")
	r.write(t, "filter.pem", cert)
	assert.Equal(t, first, r.looks(t, "private key does not match public key"), "the certificate before its key")
	goOn("meanwhile")
	r.write(t, "filter.key", key[:len(key)/2])
	assert.Equal(t, first, r.looks(t, "failed to find any PEM data in key input"), "half of a key")
	r.write(t, "filter.key", key)
	assert.NotEqual(t, first, r.looks(t, `level=INFO msg="TLS certificate read again"`))
	goOn("after")

	for _, d := range postfix.Sink().Wait(t, sent) {
		assert.Contains(t, "\r\n"+string(d.Data), marked)
	}
	for _, conn := range conns {
		require.NoError(t, conn.Quit(context.WithoutCancel(t.Context())))
	}
	assert.Equal(t, 3, r.Stderr.Count(`level=ERROR msg="TLS certificate not read again; the one before stays in use"`))
	assert.Equal(t, 3, r.Stderr.Count("level=ERROR")+r.Stderr.Count("level=WARN"), r.Stderr.String())
}
