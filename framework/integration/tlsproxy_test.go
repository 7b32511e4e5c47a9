//go:build integration

package integration_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// freeAddr returns a loopback address that was free.
func freeAddr(t *testing.T, host string) string {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// awaitPort waits until a program listens.
func awaitPort(t *testing.T, addr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond, addr)
}

// configured writes a configuration file into a folder that any user may enter, and starts a
// program with it.
func configured(t *testing.T, config string, command ...string) *testproc.Process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	return testproc.Start(t, exec.Command(command[0], append(command[1:], path)...))
}

// peers is a filter that adds the peer to each message.
type peers struct{}

func (peers) Name() string { return "peers" }

func (peers) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Peer", s.Peer().String())
	})
	return nil
}

// send delivers a message, and repeats it as a client does after a temporary failure. It
// returns the number of failures.
func send(t *testing.T, addr, subject string) (failed int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; failed++ {
		client := realmta.DialSMTP(t, addr)
		code, text := client.Deliver(realmta.Message{
			From: "sender@example.org", To: []string{"recipient@example.test"},
			Data: []byte("Subject: " + subject + "\r\n\r\ntext\r\n"),
		})
		client.Close()
		if code == 250 {
			return failed
		}
		require.Equal(t, 4, code/100, "%d %s", code, text)
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, "the message was never accepted", subject)
	return failed
}

// haproxy starts HAProxy in front of filters. It connects to them from another address of
// this host than Postfix connects to it from.
func haproxy(t *testing.T, header string, filters ...string) (front string) {
	t.Helper()
	front = freeAddr(t, "127.0.0.1")
	var servers strings.Builder
	for i, addr := range filters {
		fmt.Fprintf(&servers, "\tserver f%d %s source 127.0.0.3 %s check inter 200ms fall 20 rise 1 on-marked-down shutdown-sessions\n", i, addr, header)
	}
	configured(t, fmt.Sprintf(`defaults
	mode tcp
	timeout connect 2s
	timeout client 1m
	timeout server 1m
	retries 3
	option redispatch 1
	balance roundrobin
listen milter
	bind %s
%s`, front, servers.String()), "haproxy", "-db", "-f")
	awaitPort(t, front)
	return front
}

// Behind HAProxy, the filter's peer is Postfix, with either version of the header.
func TestPeerBehindHAProxy(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			var log testproc.Buffer
			r := framework.NewRouter()
			r.Mount(peers{})
			srv, err := framework.NewServer(r, framework.Config{
				Logger:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				Admission: framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
			})
			require.NoError(t, err)
			ln, err := framework.Listen("inet:0@127.0.0.1?proxy=127.0.0.3")
			require.NoError(t, err)
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()
			t.Cleanup(func() {
				require.NoError(t, srv.Close())
				require.ErrorIs(t, <-served, framework.ErrServerClosed)
			})
			postfix := realmta.StartPostfix(t, realmta.PostfixConfig{Milters: []string{"inet:" + haproxy(t, header, ln.Addr().String())}})
			require.Zero(t, send(t, postfix.Addr(), "hello"))
			d := postfix.Sink().Wait(t, 1)[0]
			assert.Contains(t, string(d.Data), "X-Peer: 127.0.0.1:")
			assert.Contains(t, log.String(), "peer=127.0.0.1:")
			assert.Zero(t, log.Count("level=WARN"), "health checks are no warning: %s", log.String())

			direct := realmta.StartPostfix(t, realmta.PostfixConfig{Milters: []string{"inet:" + ln.Addr().String()}})
			client := realmta.DialSMTP(t, direct.Addr())
			defer client.Close()
			code, _ := client.Cmd("EHLO client.example.org")
			if code == 250 {
				code, _ = client.Cmd("MAIL FROM:<sender@example.org>")
			}
			assert.Equal(t, 4, code/100, "without the balancer there is no filter")
			log.Await(t, "its address is not in the option proxy of the listener", 1)
		})
	}
}
