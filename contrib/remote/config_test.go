package remote_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// New names all mistakes at once.
func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := remote.New(remote.Config{
		Addresses: []string{"inet:8891@127.0.0.1", "http://localhost", "inet:0"}, Version: 7, MaxEdits: -1, EjectAfter: -1,
		MaxModifications: -1,
		DialTimeout:      -1, CommandTimeout: -1, ContentTimeout: -1, EjectFor: -1, IdleTimeout: -1,
	})
	for _, mistake := range []string{
		`remote: Addresses: mta: address "http://localhost": unknown scheme`, `address "0" has no port`, "remote: Version is 7; it must be from 2 to 6",
		"remote: MaxEdits is negative", "remote: MaxModifications is negative", "remote: EjectAfter is negative", "remote: DialTimeout is negative", "remote: CommandTimeout is negative",
		"remote: ContentTimeout is negative", "remote: EjectFor is negative", "remote: IdleTimeout is negative",
	} {
		assert.ErrorContains(t, err, mistake)
	}
	_, err = remote.New(remote.Config{})
	require.EqualError(t, err, "remote: Addresses is empty: give the address of the milter, such as inet:8891@127.0.0.1")

	f, err := remote.New(remote.Config{Addresses: []string{"/run/milter"}})
	require.NoError(t, err)
	assert.Equal(t, "remote", f.Name())
}

// The connection to a milter may be encrypted. A milter with another certificate gets no
// mail.
func TestTLS(t *testing.T) {
	t.Parallel()
	certified := httptest.NewUnstartedServer(nil) // has a certificate of example.com
	certified.StartTLS()
	t.Cleanup(certified.Close)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(editor())
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	address := "inet:" + port + "@127.0.0.1"

	f := lane(t, remote.Config{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}, address)
	for _, msg := range orders() {
		for range 2 { // the second time over a connection that was kept
			assert.Equal(t, result(t, []framework.Filter{editor()}, miltertest.Postfix(), msg),
				result(t, []framework.Filter{f}, miltertest.Postfix(), msg))
		}
	}
	strange := lane(t, remote.Config{
		TLS: &tls.Config{RootCAs: roots, ServerName: "milter.example.net", MinVersion: tls.VersionTLS13}, DialTimeout: 10 * time.Second,
	}, address)
	_, err = strange.Ask(t.Context())
	assert.ErrorContains(t, err, "milter.example.net")
}
