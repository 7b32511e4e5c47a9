package remote_test

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// envelope are the commands of a letter before its content.
var envelope = []string{"SMFIC_CONNECT", "SMFIC_HELO", "SMFIC_MAIL", "SMFIC_RCPT", "SMFIC_RCPT", "SMFIC_DATA"}

// names returns the names of the commands that a puppet got on its last connection, after
// the negotiation.
func names(p *puppet) []string {
	var list []string
	for _, c := range p.commands() {
		if name, _, _ := strings.Cut(c, " "); name != wire.CmdOptNeg.String() {
			list = append(list, name)
		}
	}
	return list
}

// If a milter dies before the content, another one gets what the first one has seen. The
// recipient that the first one refused is not repeated.
func TestEnvelopeIsRepeated(t *testing.T) {
	t.Parallel()
	for n, at := range []wire.CommandCode{wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdData} {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			var died atomic.Bool
			refused := frame(t, &wire.SMTPReply{Text: "550 5.1.1 no"})
			reply := func(f wire.Frame) ([]byte, bool) {
				switch {
				case wire.CommandCode(f.Code) == at && !died.Swap(true):
					return nil, false
				case wire.CommandCode(f.Code) == wire.CmdRcpt && strings.HasPrefix(string(f.Data), "<nobody@"):
					return refused, true
				}
				return bare(wire.RepContinue), true
			}
			one, two := &puppet{reply: reply}, &puppet{reply: reply}
			f := lane(t, remote.Config{}, one.start(t), two.start(t))
			msg := letter()
			msg.Recipients = append([]mta.Recipient{{Addr: "<nobody@example.net>"}}, msg.Recipients...)
			msg.Recipients = append(msg.Recipients, mta.Recipient{Addr: "<carol@example.net>"})
			res := miltertest.Run(t, f, msg)
			require.NotNil(t, res.Edited, res.Logs)
			assert.Len(t, res.Edited.Recipients, 2)
			assert.True(t, died.Load())

			heir := one
			if commands := names(one); len(commands) == 0 || commands[len(commands)-1] == at.String() {
				heir = two
			}
			got := names(heir)
			want := append([]string(nil), envelope...)
			if n <= 3 { // the refused recipient comes after the death, and is asked about
				want = append(want[:3:3], append([]string{"SMFIC_RCPT"}, want[3:]...)...)
			}
			assert.Equal(t, want, got[:len(want)])
		})
	}
}

// A message whose content a milter has seen in part is not repeated: the policy decides.
// The next message of the session gets another milter.
func TestContentIsNotRepeated(t *testing.T) {
	t.Parallel()
	var died atomic.Bool
	p := &puppet{reply: func(f wire.Frame) ([]byte, bool) {
		if wire.CommandCode(f.Code) == wire.CmdBody && !died.Swap(true) {
			return nil, false
		}
		return bare(wire.RepContinue), true
	}}
	srv := miltertest.NewServer(t, lane(t, remote.Config{}, p.start(t)))
	conn := srv.Dial(t)
	assert.Equal(t, []string{"451 4.3.0 mail filter failed, try again later"}, conn.Run(t, letter()).Verdict.Lines())
	assert.NotNil(t, conn.Run(t, letter()).Edited)
	assert.Equal(t, "SMFIC_CONNECT", names(p)[0], "the new connection gets the session")
}

// One connection serves sessions one after the other, if the milter can do so.
func TestConnectionIsKept(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		version uint32
		cfg     remote.Config
		conns   int64
	}{
		{"version 6", 6, remote.Config{MaxIdle: 1}, 1},
		{"version 4", 4, remote.Config{MaxIdle: 1}, 3},
		{"none kept", 6, remote.Config{}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := &puppet{answer: wire.Negotiate{Version: tc.version, Protocol: wire.ProtoNRHdr}}
			everything := remote.Everything()
			tc.cfg.Wishes = &everything
			f := lane(t, tc.cfg, p.start(t))
			for range 3 {
				require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
			}
			assert.Equal(t, tc.conns, p.conns.Load())
		})
	}
}

// A connection that the milter closed between two sessions costs no message, even if the
// milter answers at the end of the message only.
func TestKeptConnectionHasEnded(t *testing.T) {
	t.Parallel()
	var last atomic.Pointer[net.Conn]
	p := &puppet{answer: wire.Negotiate{Version: wire.MaxVersion, Protocol: wire.ProtoNRConn | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt |
		wire.ProtoNRData | wire.ProtoNRHdr | wire.ProtoNREOH | wire.ProtoNRBody}}
	addr := listen(t, func(conn net.Conn) {
		p.conns.Add(1)
		last.Store(&conn)
		p.serve(conn)
	})
	f := lane(t, remote.Config{Wishes: &p.answer, MaxIdle: 1}, addr)
	for range 3 {
		require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
		require.NoError(t, (*last.Load()).Close())
	}
	assert.EqualValues(t, 3, p.conns.Load())
}

// A kept connection is closed after its time, and by Close.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]remote.Config{"time": {MaxIdle: 1, IdleTimeout: time.Millisecond}, "Close": {MaxIdle: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var open atomic.Int64
			p := new(puppet)
			f := lane(t, cfg, listen(t, func(conn net.Conn) {
				open.Add(1)
				defer open.Add(-1)
				p.serve(conn)
			}))
			require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
			if name == "Close" {
				require.NoError(t, f.Close())
			}
			assert.Eventually(t, func() bool { return open.Load() == 0 }, patience, tick)
		})
	}
}

// records is a log that can be read while it is written.
type records struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// String returns what was written.
func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// A milter that fails again and again is not asked for some time, and the others of its
// pool get its sessions.
func TestEjection(t *testing.T) {
	t.Parallel()
	bad := &puppet{reply: func(wire.Frame) ([]byte, bool) { return nil, false }}
	good := new(puppet)
	everything := remote.Everything()
	var log records
	f := lane(t, remote.Config{Wishes: &everything, EjectFor: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil))}, bad.start(t), good.start(t))
	for range 12 {
		require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
	}
	assert.EqualValues(t, 3, bad.conns.Load())
	assert.Equal(t, 1, strings.Count(log.String(), "milter failed; it gets no sessions until it answers"))

	alone := lane(t, remote.Config{Wishes: &everything, EjectFor: time.Hour, EjectAfter: 1}, bad.start(t))
	for range 3 {
		assert.Nil(t, miltertest.Run(t, alone, letter()).Edited, "none is left")
	}
}

// A milter that was ejected is tried again.
func TestReturn(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	p := &puppet{reply: func(wire.Frame) ([]byte, bool) {
		if !healthy.Load() {
			return nil, false
		}
		return bare(wire.RepContinue), true
	}}
	var log records
	f := lane(t, remote.Config{EjectAfter: 1, EjectFor: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}, p.start(t))
	require.Nil(t, miltertest.Run(t, f, letter()).Edited)
	healthy.Store(true)
	require.Eventually(t, func() bool { return miltertest.Run(t, f, letter()).Edited != nil }, patience, tick)
	assert.Contains(t, log.String(), "milter answers again")
}
