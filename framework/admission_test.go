package framework_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
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
	conn, err := mta.Dial(t.Context(), address, mta.Config{CommandTimeout: 5 * time.Second})
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
		conn, err := mta.Dial(t.Context(), address, mta.Config{CommandTimeout: 20 * time.Second})
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
	for range 2 {
		second, err := dial(t, address)
		require.NoError(t, err)
		out, err := second.Send(t.Context(), &mta.Message{Header: []mta.Field{{Name: "From", Value: " a@example.org"}}})
		require.NoError(t, err)
		assert.Equal(t, []string{"421 4.3.2 too busy"}, out.Verdict.Lines())
		require.NoError(t, second.Close())
		time.Sleep(50 * time.Millisecond) // until its place is free again
	}
	told, err := dial(t, address)
	require.NoError(t, err)
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
	assert.Eventually(t, func() bool { _, err := dial(t, address); return err == nil }, 5*time.Second, 10*time.Millisecond)
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
