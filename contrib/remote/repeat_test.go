package remote_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// mailFrom begins a message on a connection of a server with the filter.
func mailFrom(t *testing.T, f *remote.Filter) *miltertest.Conn {
	t.Helper()
	conn := miltertest.NewServer(t, f).Dial(t)
	_, err := conn.Helo(t.Context(), "client.example")
	require.NoError(t, err)
	resp, err := conn.Mail(t.Context(), "<ann@example.org>")
	require.NoError(t, err)
	require.Equal(t, wire.RepContinue, resp.Code)
	return conn
}

// If a milter dies at an unknown command within a message, another one gets the envelope.
func TestEnvelopeIsRepeatedAtUnknown(t *testing.T) {
	t.Parallel()
	var died atomic.Bool
	p := &puppet{reply: func(f wire.Frame) ([]byte, bool) {
		if wire.CommandCode(f.Code) == wire.CmdUnknown && !died.Swap(true) {
			return nil, false
		}
		return bare(wire.RepContinue), true
	}}
	conn := mailFrom(t, lane(t, remote.Config{}, p.start(t)))
	_, err := conn.Unknown(t.Context(), "XYZZY")
	require.NoError(t, err)
	_, err = conn.Rcpt(t.Context(), "<bob@example.net>")
	require.NoError(t, err)
	assert.Equal(t, []string{"SMFIC_HELO", "SMFIC_MAIL", "SMFIC_UNKNOWN", "SMFIC_RCPT"}, names(p))
}

// An event that a milter answered by SMFIR_SKIP is repeated, too.
func TestSkippedEventIsRepeated(t *testing.T) {
	t.Parallel()
	var died atomic.Bool
	p := &puppet{reply: func(f wire.Frame) ([]byte, bool) {
		switch code := wire.CommandCode(f.Code); {
		case code == wire.CmdMail:
			return bare(wire.RepSkip), true
		case code == wire.CmdData && !died.Swap(true):
			return nil, false
		}
		return bare(wire.RepContinue), true
	}}
	require.NotNil(t, miltertest.Run(t, lane(t, remote.Config{}, p.start(t)), letter()).Edited)
	assert.Equal(t, []string{"SMFIC_CONNECT", "SMFIC_HELO", "SMFIC_MAIL", "SMFIC_RCPT", "SMFIC_DATA"}, names(p)[:5])
}

// An answer that no command asked for is not taken for the answer to the next command: the
// message goes on with another connection.
func TestAnswerTooMany(t *testing.T) {
	t.Parallel()
	late, arrived := make(chan struct{}), make(chan struct{})
	var conns atomic.Int64
	p := new(puppet)
	addr := listen(t, func(conn net.Conn) {
		if conns.Add(1) == 1 {
			go func() {
				<-late
				_, _ = conn.Write(bare(wire.RepContinue))
				close(arrived)
			}()
		}
		p.serve(conn)
	})
	everything := remote.Everything()
	conn := mailFrom(t, lane(t, remote.Config{Wishes: &everything}, addr))
	close(late)
	<-arrived
	_, err := conn.Rcpt(t.Context(), "<bob@example.net>")
	require.NoError(t, err)
	assert.EqualValues(t, 2, conns.Load())
	assert.Equal(t, []string{"SMFIC_HELO", "SMFIC_MAIL", "SMFIC_RCPT"}, names(p))
}

// A kept connection serves a later session although the deadline of its last command is over.
func TestKeptConnectionOutlivesDeadlines(t *testing.T) {
	t.Parallel()
	p := new(puppet)
	everything := remote.Everything()
	f := lane(t, remote.Config{Wishes: &everything, MaxIdle: 1}, p.start(t))
	require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
	time.Sleep(1100 * time.Millisecond) // the last commands of a session have a second
	require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
	assert.EqualValues(t, 1, p.conns.Load())
}
