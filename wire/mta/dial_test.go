package mta_test

import (
	"context"
	"net"
	"path/filepath"
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
