package listen_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

// A mistake in the options is an error that names it, before any socket is opened.
func TestOptionsOfTCP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string
		reasons []string
	}{
		"unknown":                {"inet:0@127.0.0.1?colour=red", []string{"option colour: there is no such option"}},
		"of a unix socket":       {"inet:0@127.0.0.1?mode=0600", []string{"option mode: there is no such option"}},
		"TLS alone":              {"tls:inet:0@127.0.0.1", []string{"tls: needs the options cert and key"}},
		"a certificate alone":    {"tls:inet:0@127.0.0.1?cert=/x", []string{"tls: needs the options cert and key"}},
		"without tls:":           {"inet:0@127.0.0.1?cert=/x&key=/y", []string{"option cert: it is for an address with tls: before it", "option key: it is"}},
		"no value":               {"tls:inet:0@127.0.0.1?cert=&key=/y&client_ca", []string{"option cert: it has no value", "option client_ca: it has no value"}},
		"twice":                  {"tls:inet:0@127.0.0.1?cert=/x&key=/y&cert=/z", []string{"option cert: it is there twice"}},
		"several":                {"tls:inet:0@127.0.0.1?colour=red&proxy=x", []string{"option colour", `option proxy: "x" is neither`, "tls: needs"}},
		"no network":             {"inet:0@127.0.0.1?proxy=10.0.0.0/33", []string{`"10.0.0.0/33" is neither a network, such as 10.0.0.0/8, nor an IP address`}},
		"an empty network":       {"inet:0@127.0.0.1?proxy=10.0.0.1,", []string{`"" is neither`}},
		"a zone":                 {"inet6:0@::1?proxy=fe80::1%25eth0", []string{"is neither"}},
		"IPv4 in IPv6":           {"inet:0@127.0.0.1?proxy=::ffff:10.0.0.0/104", []string{"is neither"}},
		"TLS on a unix socket":   {"tls:unix:/nonexistent/x?cert=/x&key=/y", []string{"TLS is for TCP"}},
		"proxy on a unix socket": {"unix:/nonexistent/x?proxy=10.0.0.0/8", []string{"option proxy: there is no such option"}},
		"TLS twice":              {"tls:tls:inet:0@127.0.0.1", []string{"no such kind of address: tls"}},
		"TLS of nothing":         {"tls:", []string{"want inet:PORT@HOST"}},
		"no port":                {"inet:?proxy=10.0.0.0/8", []string{"want inet:PORT@HOST"}},
		"no name":                {"fd:?proxy=10.0.0.0/8", []string{"want inet:PORT@HOST"}},
		"in upper case":          {"TLS:inet:0@127.0.0.1", []string{"no such kind of address: TLS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := listen.Open(c.address)
			for _, reason := range c.reasons {
				require.ErrorContains(t, err, reason)
			}
			assert.ErrorContains(t, err, "framework: address ")
			assert.ErrorContains(t, err, c.address)
		})
	}
}

func TestOptionsAreAccepted(t *testing.T) {
	t.Parallel()
	cert, key := files(t, authority(t), t.TempDir())
	for name, address := range map[string]string{
		"PROXY":            "inet:0@127.0.0.1?proxy=10.0.0.0/8,192.0.2.1,2001:db8::/32",
		"a host's network": "inet:0@127.0.0.1?proxy=10.1.2.3/8",
		"TLS":              "tls:inet:127.0.0.1:0?cert=" + cert + "&key=" + key,
		"empty options":    "tls:inet:0@127.0.0.1?&cert=" + cert + "&&key=" + key + "&",
		"IPv6":             "tls:inet6:[::1]:0?key=" + key + "&cert=" + cert,
		"both":             "tls:inet:0@127.0.0.1?proxy=10.0.0.0/8&key=" + key + "&cert=" + cert,
		"no options":       "inet:0@127.0.0.1?",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := listen.Open(address)
			require.NoError(t, err)
			assert.NotZero(t, ln.Addr().(*net.TCPAddr).Port)
			assert.NoError(t, ln.Close())
		})
	}
}

// Files that cannot be used are an error when the socket is opened, and the socket is
// closed again.
func TestCertificatesAreReadAtOnce(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, key := files(t, a, dir)
	_, other, err := a.Files(dir, "other")
	require.NoError(t, err)
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("text\n"), 0o600))
	large := filepath.Join(dir, "large")
	require.NoError(t, os.WriteFile(large, make([]byte, 2<<20), 0o600))
	for name, c := range map[string]struct{ options, reason string }{
		"no certificate":     {"cert=" + dir + "/none&key=" + key, "no such file"},
		"neither":            {"cert=" + dir + "/none&key=" + dir + "/nothing", "/nothing: no such file"},
		"another key":        {"cert=" + cert + "&key=" + other, "private key does not match public key"},
		"not PEM":            {"cert=" + text + "&key=" + key, text},
		"a folder":           {"cert=" + dir + "&key=" + key, dir + ": not a regular file"},
		"too large":          {"cert=" + large + "&key=" + key, "more than 1048576 bytes"},
		"no authority":       {"cert=" + cert + "&key=" + key + "&client_ca=" + dir + "/none", "no such file"},
		"authority is a key": {"cert=" + cert + "&key=" + key + "&client_ca=" + key, "no certificate in it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			free := freePort(t)
			address := "tls:inet:" + free + "?" + c.options
			_, err := listen.Open(address)
			require.ErrorContains(t, err, c.reason)
			require.ErrorContains(t, err, address)
			ln, err := listen.Open("inet:" + free)
			require.NoError(t, err, "the port is free")
			assert.NoError(t, ln.Close())
		})
	}
}

// freePort returns the address of a port that was free.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// No text makes Open panic, and none opens a plain socket that was to have TLS or the
// PROXY protocol.
func FuzzOpen(f *testing.F) {
	for _, address := range []string{
		"inet:0@127.0.0.1", "inet6:[::1]:0", "fd:name", "local:/nonexistent/x?mode=0600",
		"tls:inet:0@127.0.0.1?cert=/nonexistent/x&key=/nonexistent/y&client_ca=/nonexistent/z",
		"inet:0@127.0.0.1?proxy=10.0.0.0/8,::1", "tls:fd:name?proxy=0.0.0.0/0&cert=x&key=x", "tls:unix:/x", "?", "inet:?", "tls:tls:",
	} {
		f.Add(address)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, address string) {
		kind, rest, _ := strings.Cut(address, ":")
		if kind == "unix" || kind == "local" { // in a folder of this test
			address = kind + ":" + filepath.Join(dir, "none") + "/" + rest
		}
		if strings.Contains(rest, "@") && !strings.Contains(rest, "@127.0.0.1") {
			return // a host that would have to be looked up
		}
		if host, _, err := net.SplitHostPort(rest); err == nil && net.ParseIP(host) == nil && host != "" {
			return
		}
		ln, err := listen.Open(address)
		if err != nil {
			assert.ErrorContains(t, err, "framework: ")
			return
		}
		defer func() { _ = ln.Close() }()
		_, plain := ln.(*net.TCPListener)
		assert.Equal(t, plain, !strings.HasPrefix(address, "tls:") && !strings.Contains(address, "proxy="), address)
	})
}
