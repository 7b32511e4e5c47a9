package framework_test

import (
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// allStages returns a router with a handler at every stage.
func allStages() *framework.Router {
	r := framework.NewRouter()
	for i, twin := range stageTwins() {
		if i%2 == 0 {
			twin.on(r, goOn)
		} else {
			twin.observe(r, goOn)
		}
	}
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { return nil })
	r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return nil })
	r.ObserveClose(func(*framework.Session, *framework.Close) error { return nil })
	return r
}

// frames encodes several commands in a row.
func frames(t testing.TB, cmds ...wire.Command) (out []byte) {
	t.Helper()
	for _, cmd := range cmds {
		var err error
		out, err = cmd.Encode(out)
		require.NoError(t, err)
	}
	return out
}

// opening returns the frame of an MTA's offer.
func opening(t testing.TB) []byte {
	t.Helper()
	return frames(t, &wire.Negotiate{Version: 6, Actions: wire.KnownActions, Protocol: wire.KnownProtocol &^ (wire.ProtoMDS256K | wire.ProtoMDS1M)})
}

// raw returns a frame with arbitrary content.
func raw(code byte, data string) []byte {
	n := len(data) + 1
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), code}, data...)
}

func TestHostileBytes(t *testing.T) {
	t.Parallel()
	mail := raw('M', "<a@example.org>\x00")
	rcpt := raw('R', "<b@example.org>\x00")
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	tests := []struct {
		name  string
		first bool // sent before the negotiation instead of after it
		bytes []byte
		level slog.Level
	}{
		{"nothing", true, nil, slog.LevelDebug},
		{"half a length", true, []byte{0, 0}, slog.LevelDebug},
		{"HTTP", true, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), slog.LevelDebug},
		{"TLS", true, []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), slog.LevelWarn},
		{"a PROXY header", true, []byte("PROXY TCP4 192.0.2.25 192.0.2.80 40025 9000\r\n"), slog.LevelWarn},
		{"a binary PROXY header", true, []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"), slog.LevelWarn},
		{"SSH", true, []byte("SSH-2.0-OpenSSH_9.2\r\n"), slog.LevelDebug},
		{"SMTP", true, []byte("EHLO scanner\r\n"), slog.LevelDebug},
		{"an event before the negotiation", true, mail, slog.LevelWarn},
		{"a macro before the negotiation", true, raw('D', "Ci\x00x\x00"), slog.LevelWarn},
		{"an offer cut short", true, raw('O', "\x00\x00\x00\x06"), slog.LevelWarn},
		{"an offer of version 1", true, raw('O', "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"), slog.LevelWarn},
		{"4 GiB", false, []byte("\xff\xff\xff\xffB"), slog.LevelWarn},
		{"2 GiB", false, []byte("\x80\x00\x00\x00B"), slog.LevelWarn},
		{"a length of zero", false, []byte{0, 0, 0, 0, 'M'}, slog.LevelWarn},
		{"an unknown command", false, raw('z', "x"), slog.LevelWarn},
		{"a command of 0xff", false, raw(0xff, ""), slog.LevelWarn},
		{"no NUL at MAIL", false, raw('M', "<a@example.org>"), slog.LevelWarn},
		{"no NUL in a header field", false, join(mail, rcpt, raw('T', ""), raw('L', "Subject")), slog.LevelWarn},
		{"no address at MAIL", false, raw('M', ""), slog.LevelWarn},
		{"no host at CONNECT", false, raw('C', ""), slog.LevelWarn},
		{"a family that nobody has", false, raw('C', "host\x00X\x00\x01addr\x00"), slog.LevelWarn},
		{"a macro without a command", false, raw('D', ""), slog.LevelWarn},
		{"a frame cut short", false, []byte("\x00\x00\x00\x20M<a@"), slog.LevelDebug},
		{"a message cut short", false, join(mail, rcpt), slog.LevelDebug},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := miltertest.NewRouterServer(t, allStages())
			other := srv.Dial(t)
			conn := srv.DialRaw()
			if !tt.first {
				_, err := conn.Write(opening(t))
				require.NoError(t, err)
			}
			_, _ = conn.Write(tt.bytes)
			if tt.level == slog.LevelDebug {
				require.NoError(t, conn.Close())
			}
			require.Eventually(t, func() bool { return len(logged(srv, tt.level)) == 1 }, time.Minute, time.Millisecond)
			peer, ok := miltertest.LogAttr(logged(srv, tt.level)[0], "peer")
			require.True(t, ok)
			assert.Equal(t, "memory:mta", peer.String())
			assert.Len(t, srv.Logs(), 1, "one line")

			other.Run(t, letter()).AssertAccepted(t)
		})
	}
}

// TestHarmlessBytes sends input that looks invalid but comes from real MTAs,
// and must not end a session.
func TestHarmlessBytes(t *testing.T) {
	t.Parallel()
	mail := raw('M', "<x@example.org>\x00")
	tests := []struct {
		name    string
		odd     []byte
		answers int
	}{
		{"an odd list of macros", raw('D', "Mi\x004ABC\x00j\x00"), 0},
		{"a macro without its NUL", raw('D', "Mi\x004ABC"), 0},
		{"no macros", raw('D', "H"), 0},
		{"macros of an unknown command", raw('D', "Ui\x004ABC\x00"), 0},
		{"macros of a command nobody knows", raw('D', "zi\x004ABC\x00"), 0},
		{"macros of the end, twice", append(raw('D', "Ei\x00A\x00"), raw('D', "Ei\x00A\x00")...), 0},
		{"an abort between messages", raw('A', ""), 0},
		{"the end of another session", raw('K', ""), 0},
		{"an unknown SMTP command", raw('U', "XYZZY\x00"), 1},
		{"HELO in a message", append(slices.Clip(mail), raw('H', "again\x00")...), 1},
		{"MAIL in a message", mail, 1},
		{"a new message in the macros of its MAIL", append(slices.Clip(mail), raw('D', "Mi\x004ABC\x00")...), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, ctx := miltertest.NewRouterServer(t, allStages()).Dial(t), t.Context()
			require.NoError(t, conn.Raw(ctx, tt.odd))
			for range tt.answers {
				reply, err := conn.ReadReply(ctx)
				require.NoError(t, err)
				assert.Equal(t, wire.RepContinue, reply.ReplyCode())
			}
			resp, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			assert.Equal(t, mta.Answered, resp.Origin)
			resp, _, err = conn.EndOfMessage(ctx, nil)
			require.NoError(t, err)
			assert.Equal(t, wire.RepContinue, resp.Code)
		})
	}
}

func TestMacroLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		var got []string
		names := map[string]framework.Macro{}
		for name, stage := range map[string]framework.Stage{
			"c": framework.StageConnect, "h": framework.StageHelo, "m": framework.StageMail,
			"r": framework.StageRcpt, "e": framework.StageEndOfMessage,
		} {
			names[name] = r.WantMacro(stage, name)
		}
		look := func(s *framework.Session) (framework.Verdict, error) {
			line := ""
			for _, name := range []string{"c", "h", "m", "r", "e"} {
				if v, ok := names[name].Value(s); ok {
					line += name + "=" + v + " "
				}
			}
			got = append(got, strings.TrimSpace(line))
			return framework.Continue, nil
		}
		stageTwins()[2].on(r, look)
		stageTwins()[3].on(r, look)
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return look(s) })
		conn, ctx := miltertest.NewRouterServer(t, r, miltertest.AllowWrongStages()).Dial(t), t.Context()
		macro := func(code wire.CommandCode, name, value string) {
			require.NoError(t, conn.Macros(code, []mta.Macro{{Name: name, Value: value}}))
		}
		macro(wire.CmdConnect, "c", "1")
		macro(wire.CmdHelo, "h", "1")
		message := func() {
			_, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			macro(wire.CmdRcpt, "r", "one")
			_, err = conn.Rcpt(ctx, "<b@example.org>")
			require.NoError(t, err)
			_, err = conn.Rcpt(ctx, "<c@example.org>")
			require.NoError(t, err)
			macro(wire.CmdBodyEOB, "e", "1")
			_, _, err = conn.EndOfMessage(ctx, nil)
			require.NoError(t, err)
		}
		macro(wire.CmdMail, "m", "1")
		message()
		message()
		require.NoError(t, conn.QuitNC())
		message()
		assert.Equal(t, []string{
			"c=1 h=1 m=1", "c=1 h=1 m=1 r=one", "c=1 h=1 m=1", "c=1 h=1 m=1 e=1",
			"c=1 h=1", "c=1 h=1 r=one", "c=1 h=1", "c=1 h=1 e=1",
			"", "r=one", "", "e=1",
		}, got)
	})
}

// The server disconnects an MTA that stalls, when its deadline has passed,
// neither much earlier nor much later.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		talk func(t *testing.T, conn net.Conn)
		want time.Duration
	}{
		{"says nothing at all", func(*testing.T, net.Conn) {}, 10 * time.Second},
		{"says half an offer", func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = conn.Write(opening(t)[:7])
		}, 10 * time.Second},
		{"says nothing after the negotiation", func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = conn.Write(opening(t))
		}, 2 * time.Hour},
		{"says nothing in a message", func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = conn.Write(append(opening(t), raw('M', "<a@example.org>\x00")...))
		}, 2 * time.Hour},
		{"says half a command", func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = conn.Write(append(opening(t), "\x00\x00"...))
		}, 30 * time.Second},
		{"says a command byte by byte", func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = conn.Write(opening(t))
			go func() {
				for _, c := range append([]byte("\x00\x00\x01\x00M"), make([]byte, 300)...) {
					if _, err := conn.Write([]byte{c}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
		}, 30 * time.Second},
		{"says a command an hour after the last", func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = conn.Write(opening(t))
			time.Sleep(time.Hour)
			_, _ = conn.Write(raw('M', "<a@example.org>\x00"))
		}, 3 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := miltertest.NewRouterServer(t, allStages())
				began := time.Now()
				conn := srv.DialRaw()
				tt.talk(t, conn)
				buf := make([]byte, 4096)
				for {
					if _, err := conn.Read(buf); err != nil {
						break
					}
				}
				took := time.Since(began)
				assert.GreaterOrEqual(t, took, tt.want)
				assert.LessOrEqual(t, took, tt.want+time.Second)
				time.Sleep(2 * time.Second) // until the remaining goroutines have ended
			})
		})
	}
}

// TestWriteDeadline has an MTA send commands without reading the replies.
func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := miltertest.NewRouterServer(t, allStages())
		began := time.Now()
		conn := srv.DialRaw()
		_, err := conn.Write(opening(t))
		for chunk := []byte(strings.Repeat(string(raw('U', "XYZZY\x00")), 1000)); err == nil; {
			_, err = conn.Write(chunk)
		}
		assert.LessOrEqual(t, time.Since(began), 31*time.Second)
		assert.GreaterOrEqual(t, time.Since(began), 15*time.Second)
	})
}
