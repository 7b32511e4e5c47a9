package framework_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// admitting serves a filter on a loopback port with the given admission limits.
func admitting(t *testing.T, a framework.Admission) (*framework.Server, string) {
	t.Helper()
	cfg := quiet()
	cfg.Admission = a
	srv := newServer(t, headerFilter(), cfg)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	return srv, "inet:" + ln.Addr().String()
}

func dial(t *testing.T, address string) (*mta.Conn, error) {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{CommandTimeout: time.Minute})
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

func TestMaxSessionsWait(t *testing.T) {
	t.Parallel()
	srv, address := admitting(t, framework.Admission{MaxSessions: 2})
	first, err := dial(t, address)
	require.NoError(t, err)
	_, err = dial(t, address)
	require.NoError(t, err)

	third := make(chan error, 1)
	go func() {
		conn, err := mta.Dial(t.Context(), address, mta.Config{CommandTimeout: time.Minute})
		if err == nil {
			_ = conn.Close()
		}
		third <- err
	}()
	select {
	case err := <-third:
		require.Fail(t, "the third did not wait", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	assert.Equal(t, int64(2), srv.Stats().Connections)
	require.NoError(t, first.Close())
	require.NoError(t, <-third, "there is room again")
}

func TestMaxSessionsTold(t *testing.T) {
	t.Parallel()
	_, address := admitting(t, framework.Admission{
		MaxSessions: 1, OverLimit: framework.MustReply(421, "4.3.2", "too busy"),
	})
	_, err := dial(t, address)
	require.NoError(t, err)
	next := func() (conn *mta.Conn) { // once the place of the last one is free again
		require.Eventually(t, func() (free bool) {
			conn, err = dial(t, address)
			return err == nil
		}, time.Minute, 10*time.Millisecond)
		return conn
	}
	for range 2 {
		second := next()
		out, err := second.Send(t.Context(), &mta.Message{Header: []mta.Field{{Name: "From", Value: " a@example.org"}}})
		require.NoError(t, err)
		assert.Equal(t, []string{"421 4.3.2 too busy"}, out.Verdict.Lines())
		require.NoError(t, second.Close())
	}
	told := next()
	_, err = dial(t, address)
	require.Error(t, err, "no more are told than are served")
	require.NoError(t, told.Close())
}

func TestMaxPerPeer(t *testing.T) {
	t.Parallel()
	_, address := admitting(t, framework.Admission{MaxPerPeer: 1})
	first, err := dial(t, address)
	require.NoError(t, err)
	_, err = dial(t, address)
	require.Error(t, err)
	require.NoError(t, first.Close())
	assert.Eventually(t, func() bool { _, err := dial(t, address); return err == nil }, time.Minute, 10*time.Millisecond)
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	_, address := admitting(t, framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	_, err := dial(t, address)
	require.NoError(t, err)
	_, address = admitting(t, framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	_, err = dial(t, address)
	require.Error(t, err)
}

func TestUIDs(t *testing.T) {
	t.Parallel()
	own := uint32(os.Getuid())
	for name, c := range map[string]struct {
		uids []uint32
		ok   bool
	}{"own": {[]uint32{own + 1, own}, true}, "another": {[]uint32{own + 1}, false}, "all": {nil, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quiet()
			cfg.Admission.UIDs = c.uids
			srv := newServer(t, headerFilter(), cfg)
			path := filepath.Join(t.TempDir(), "x.sock")
			ln, err := framework.Listen("unix:" + path)
			require.NoError(t, err)
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()
			_, err = dial(t, "unix:"+path)
			assert.Equal(t, c.ok, err == nil, "%v", err)
			require.NoError(t, srv.Close())
			assert.ErrorIs(t, <-served, framework.ErrServerClosed)
		})
	}
}

// A mail server that the lists lack has a line that says so, and a peer that tries again and
// again does not fill the log.
func TestDenialsAreLogged(t *testing.T) {
	t.Parallel()
	own := uint32(os.Getuid())
	lists := framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, UIDs: []uint32{own + 1}}
	for name, c := range map[string]struct {
		conn         func(t *testing.T) net.Conn
		peer, reason string
	}{
		"network": {
			func(*testing.T) net.Conn {
				_, filterEnd := miltertest.Pipe()
				return from{filterEnd}
			}, "192.0.2.1", "its address is not in Admission.Networks (-allow in the example daemons)",
		},
		"user": {
			func(t *testing.T) net.Conn {
				t.Helper()
				ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "x.sock"))
				require.NoError(t, err)
				defer func() { _ = ln.Close() }()
				client, err := net.Dial("unix", ln.Addr().String())
				require.NoError(t, err)
				t.Cleanup(func() { _ = client.Close() })
				conn, err := ln.Accept()
				require.NoError(t, err)
				return conn
			}, "unix:", fmt.Sprintf("UID %d is not in Admission.UIDs", own),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out logBook
			srv := newServer(t, headerFilter(), framework.Config{Logger: slog.New(slog.NewTextHandler(&out, nil)), Admission: lists})
			srv.ServeConn(c.conn(t))
			assert.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
			assert.Contains(t, out.String(), `level=WARN msg="MTA connection refused" peer=`+c.peer)
			assert.Contains(t, out.String(), c.reason)
		})
	}
}

// Peers that may not connect have a bounded number of lines, and do not suppress lines about
// the MTAs that may.
func TestDenialsFlood(t *testing.T) {
	t.Parallel()
	var out logBook
	r := framework.NewRouter()
	r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
		return framework.Continue, errors.ErrUnsupported
	})
	srv := newServer(t, r, framework.Config{
		Logger:    slog.New(slog.NewTextHandler(&out, nil)),
		Admission: framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
	})
	visit := func(host string) net.Conn {
		mtaEnd, filterEnd := miltertest.Pipe()
		srv.ServeConn(fromHost{filterEnd, host})
		return mtaEnd
	}
	for range 25 {
		visit("192.0.2.1")
	}
	for i := range 200 {
		visit(fmt.Sprintf("203.0.113.%d", i))
	}
	mtaEnd, filterEnd := miltertest.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		srv.ServeConn(fromHost{filterEnd, "198.51.100.1"})
	}()
	conn := mta.NewConn(mtaEnd, mta.Config{})
	require.NoError(t, conn.Negotiate(t.Context()))
	for range 11 {
		_, err := conn.Unknown(t.Context(), "HELP")
		require.NoError(t, err)
	}
	require.NoError(t, srv.Close())
	<-served
	assert.Equal(t, 10, strings.Count(out.String(), `msg="MTA connection refused" peer=192.0.2.1:`))
	assert.Regexp(t, `level=WARN msg="log lines suppressed" peer=192.0.2.1 line="MTA connection refused" error=".* is not in Admission.Networks .*" suppressed=15 `, out.String())
	assert.Equal(t, 10, strings.Count(out.String(), `msg="handler failed"`))
	assert.Regexp(t, `peer=198.51.100.1 line="handler failed" .*suppressed=1 `, out.String())
}

// fromHost is a connection from a host.
type fromHost struct {
	net.Conn

	host string
}

func (c fromHost) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(c.host), Port: 25}
}

func TestAdmissionChecked(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]framework.Admission{
		"negative":        {MaxSessions: -1},
		"refuses nothing": {OverLimit: framework.Accept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := framework.NewServer(headerFilter(), framework.Config{Admission: a})
			assert.ErrorContains(t, err, "framework: Admission: ")
		})
	}
}
