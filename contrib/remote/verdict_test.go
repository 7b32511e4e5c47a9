package remote_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// The answers of a milter reach the client as it gave them.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	text := func(s string) []byte {
		return wire.AppendFrame(nil, wire.Frame{Code: byte(wire.RepReplyCode), Data: []byte(s + "\x00")})
	}
	for _, tc := range []struct {
		name   string
		answer []byte
		lines  []string
	}{
		{"reject", bare(wire.RepReject), []string{"550 5.7.1 Command rejected"}},
		{"tempfail", bare(wire.RepTempFail), []string{"451 4.7.1 Service unavailable - try again later"}},
		{"shutdown", bare(wire.RepShutdown), []string{"421 4.7.0 Server closing connection"}},
		{"reply", text("554 5.7.1 100%% no"), []string{"554 5.7.1 100% no"}},
		{"reply without text", text("554 5.7.1 "), []string{"554 5.7.1 "}},
		{"reply without a status", text("450 busy 4.2.1"), []string{"450 busy 4.2.1"}},
		{"lines", text("554-5.7.1 one\r\n554-5.7.1 two\r\n554 5.7.1 three"), []string{"554-5.7.1 one", "554-5.7.1 two", "554 5.7.1 three"}},
		{"lines with differing statuses", text("554-5.7.1 one\r\n554 5.7.2 two"), []string{"554-5.7.1 one", "554 5.7.2 two"}},
		{"a control character", text("554 5.7.1 a\x1bb"), []string{"554 5.7.1 a b"}},
		{"a line that is too long", text("554 5.7.1 " + strings.Repeat("a", 600)), []string{"554-5.7.1 " + strings.Repeat("a", 500), "554 5.7.1 " + strings.Repeat("a", 100)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, at := range []wire.CommandCode{wire.CmdMail, wire.CmdRcpt, wire.CmdEOH, wire.CmdBodyEOB} {
				res := miltertest.Run(t, lane(t, remote.Config{}, answering(at, tc.answer).start(t)), letter())
				assert.Equal(t, tc.lines, res.Verdict.Lines(), at)
			}
		})
	}
}

// answering returns a puppet that gives an answer to one command.
func answering(at wire.CommandCode, answer []byte) *puppet {
	return &puppet{reply: func(f wire.Frame) ([]byte, bool) {
		if wire.CommandCode(f.Code) == at {
			return answer, true
		}
		return bare(wire.RepContinue), true
	}}
}

// After an accept the milter gets no more of the message, and after a skip no more of the
// same kind.
func TestAcceptAndSkip(t *testing.T) {
	t.Parallel()
	msg := letter()
	msg.Body = []byte(strings.Repeat("a line of the body\r\n", 8<<10))
	for _, tc := range []struct {
		name   string
		at     wire.CommandCode
		answer wire.ReplyCode
		want   string
	}{
		{"accept", wire.CmdMail, wire.RepAccept, "CONNECT HELO MAIL ABORT QUIT"},
		{"accept the session", wire.CmdHelo, wire.RepAccept, "CONNECT HELO QUIT"},
		{"skip the body", wire.CmdBody, wire.RepSkip, "CONNECT HELO MAIL RCPT DATA HEADER HEADER EOH BODY BODYEOB ABORT QUIT"},
		{"skip the header", wire.CmdHeader, wire.RepSkip, "CONNECT HELO MAIL RCPT DATA HEADER EOH BODY BODY BODY BODYEOB ABORT QUIT"},
		{"discard", wire.CmdData, wire.RepDiscard, "CONNECT HELO MAIL RCPT DATA ABORT QUIT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := answering(tc.at, bare(tc.answer))
			res := miltertest.Run(t, lane(t, remote.Config{}, p.start(t)), msg)
			assert.Equal(t, tc.answer == wire.RepDiscard, res.Edited == nil, res.Logs)
			require.Eventually(t, func() bool { return strings.HasSuffix(strings.Join(names(p), " "), "QUIT") }, patience, tick)
			assert.Equal(t, tc.want, strings.ReplaceAll(strings.Join(names(p), " "), "SMFIC_", ""))
		})
	}
}

// A client that gives up a message is reported, and the next message begins anew.
func TestAbort(t *testing.T) {
	t.Parallel()
	p := new(puppet)
	conn := miltertest.NewServer(t, lane(t, remote.Config{}, p.start(t))).Dial(t)
	ended, err := conn.SendPart(t.Context(), letter(), 4)
	require.NoError(t, err)
	require.False(t, ended)
	require.NotNil(t, conn.Run(t, letter()).Edited)
	require.NoError(t, conn.Quit(t.Context()))
	require.Eventually(t, func() bool { return strings.HasSuffix(strings.Join(names(p), " "), "QUIT") }, patience, tick)
	assert.Equal(t, "CONNECT HELO MAIL RCPT DATA HEADER ABORT MAIL RCPT DATA HEADER HEADER EOH BODY BODYEOB ABORT QUIT",
		strings.ReplaceAll(strings.Join(names(p), " "), "SMFIC_", ""))
}

// Chunks of an MTA with large packets are cut for the milter, and the bytes are the same.
func TestLargeChunks(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	p := &puppet{reply: func(f wire.Frame) ([]byte, bool) {
		if wire.CommandCode(f.Code) == wire.CmdBody {
			if len(f.Data) > wire.MaxBodyChunk {
				return nil, false
			}
			got.Write(f.Data)
		}
		return bare(wire.RepContinue), true
	}}
	msg := letter()
	msg.Body = []byte(strings.Repeat("a line of the body\r\n", 20<<10))
	res := miltertest.Run(t, lane(t, remote.Config{}, p.start(t)), msg, largePackets(), miltertest.As(miltertest.Postfix().Offering(wire.ProtoMDS1M)))
	require.NotNil(t, res.Edited, res.Logs)
	require.True(t, res.Negotiated.Protocol.Has(wire.ProtoMDS1M))
	assert.Equal(t, string(msg.Body), got.String())
}

// The client's address reaches the milter in the form of MTAs.
func TestClients(t *testing.T) {
	t.Parallel()
	for want, client := range map[string]mta.Client{
		"h\x004\x00\x19192.0.2.1\x00":             {Host: "h", Family: wire.FamilyInet, Addr: "192.0.2.1", Port: 25},
		"h\x006\x00\x19IPv6:2001:db8::1\x00":      {Host: "h", Family: wire.FamilyInet6, Addr: "2001:db8::1", Port: 25},
		"h\x00L\x00\x00/run/client\x00":           {Host: "h", Family: wire.FamilyUnix, Addr: "/run/client"},
		"[192.0.2.1]\x00U":                        {Host: "[192.0.2.1]", Family: wire.FamilyUnknown},
		"h\x006\x00\x19IPv6:::ffff:192.0.2.1\x00": {Host: "h", Family: wire.FamilyInet6, Addr: "::ffff:192.0.2.1", Port: 25},
	} {
		p := new(puppet)
		msg := letter()
		msg.Client = client
		require.NotNil(t, miltertest.Run(t, lane(t, remote.Config{}, p.start(t)), msg).Edited)
		assert.Contains(t, p.commands(), "SMFIC_CONNECT "+want)
	}
}
