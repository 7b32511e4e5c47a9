package remote_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// walked is how far a session got.
type walked struct {
	at     wire.CommandCode // the first command whose answer is not to go on, or the end of the message
	answer mta.Response
	marks  int // of the milter
}

// walk sends a message that is aborted after its sender, and then a whole one with an unknown
// command in it. It stops at the first answer that is not to go on.
func walk(t *testing.T, c *miltertest.Conn) walked {
	t.Helper()
	type command struct {
		code wire.CommandCode
		send func(context.Context) (mta.Response, error)
	}
	var mods []wire.Reply
	mail := command{wire.CmdMail, func(ctx context.Context) (mta.Response, error) { return c.Mail(ctx, "<ann@example.org>") }}
	commands := []command{
		{wire.CmdConnect, func(ctx context.Context) (mta.Response, error) {
			return c.Connect(ctx, &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")})
		}},
		{wire.CmdHelo, func(ctx context.Context) (mta.Response, error) { return c.Helo(ctx, "client.example.org") }},
		mail,
		{wire.CmdAbort, func(ctx context.Context) (mta.Response, error) {
			return mta.Response{Code: wire.RepContinue}, errors.Join(c.Abort(), c.Flush(ctx))
		}},
		mail,
		{wire.CmdRcpt, func(ctx context.Context) (mta.Response, error) { return c.Rcpt(ctx, "<bob@example.net>") }},
		{wire.CmdUnknown, func(ctx context.Context) (mta.Response, error) { return c.Unknown(ctx, "XFOO") }},
		{wire.CmdData, c.Data},
		{wire.CmdHeader, func(ctx context.Context) (mta.Response, error) { return c.Header(ctx, "Subject", " hello") }},
		{wire.CmdEOH, c.EndOfHeaders},
		{wire.CmdBody, func(ctx context.Context) (mta.Response, error) { return c.Body(ctx, []byte("hello\r\n")) }},
		{wire.CmdBodyEOB, func(ctx context.Context) (r mta.Response, err error) {
			r, mods, err = c.EndOfMessage(ctx, nil)
			return r, err
		}},
	}
	var w walked
	for _, cmd := range commands {
		r, err := cmd.send(t.Context())
		require.NoError(t, err, cmd.code)
		if w.at, w.answer = cmd.code, r; r.Code != wire.RepContinue {
			break
		}
	}
	for _, m := range mods {
		switch m := m.(type) {
		case *wire.AddHeader:
			w.marks += strings.Count(m.Name, "X-Filtered")
		case *wire.InsertHeader:
			w.marks += strings.Count(m.Name, "X-Filtered")
		}
	}
	return w
}

// faulty returns a milter that marks each message, and that has the fault at a command while
// broken is set.
func faulty(t *testing.T, at wire.CommandCode, broken *atomic.Bool, fault func() ([]byte, bool)) *puppet {
	t.Helper()
	mark := append(frame(t, &wire.AddHeader{Name: "X-Filtered", Value: "yes"}), bare(wire.RepContinue)...)
	p := &puppet{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}}
	p.reply = func(f wire.Frame) ([]byte, bool) {
		switch code := wire.CommandCode(f.Code); {
		case code == at && broken.Load():
			return fault()
		case code == wire.CmdBodyEOB:
			return mark, true
		}
		return bare(wire.RepContinue), true
	}
	p.aborted = func() ([]byte, bool) {
		if at == wire.CmdAbort && broken.Load() {
			return fault()
		}
		return nil, true
	}
	return p
}

// commands are the commands at which a milter may fail.
func commands() []wire.CommandCode {
	return []wire.CommandCode{
		wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdAbort, wire.CmdRcpt, wire.CmdUnknown, wire.CmdData,
		wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB,
	}
}

// policies are what the MTA is answered if the milter fails. No answer means that the message
// goes on.
func policies() map[string]struct {
	policy framework.LaneOption
	answer []string
} {
	return map[string]struct {
		policy framework.LaneOption
		answer []string
	}{
		"closed": {framework.FailClosed(), []string{"451 4.3.0 mail filter failed, try again later"}},
		"421":    {framework.FailWith(framework.MustReply(421, "4.7.0", "not now")), []string{"421 4.7.0 not now"}},
		"reject": {framework.FailWith(framework.MustReply(550, "5.7.1", "never")), []string{"550 5.7.1 never"}},
		"open":   {policy: framework.FailOpen()},
	}
}

// If a milter fails at any stage, the MTA is answered what the policy of the lane says, nothing
// of the milter's edits is applied, and no message passes unfiltered unless the policy says so.
// The next session works as soon as the milter does.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range faults(t) {
		for _, at := range commands() {
			for policy, tc := range policies() {
				t.Run(name+" at "+at.String()+", "+policy, func(t *testing.T) {
					t.Parallel()
					var broken atomic.Bool
					p := faulty(t, at, &broken, fault)
					check := func(t *testing.T, cfg remote.Config, addr string) {
						t.Helper()
						srv := miltertest.NewServer(t, lane(t, cfg, addr), miltertest.Lane(tc.policy))
						broken.Store(true)
						got := walk(t, srv.Dial(t))
						switch {
						case at == wire.CmdAbort, at == wire.CmdUnknown && tc.answer == nil: // costs no message
							assert.Equal(t, walked{wire.CmdBodyEOB, got.answer, 1}, got)
						case tc.answer == nil: // no other filter is left, so that the MTA need not go on
							assert.Equal(t, walked{at, mta.Response{Code: wire.RepAccept, Origin: got.answer.Origin}, 0}, got)
						default:
							assert.Equal(t, walked{at, got.answer, 0}, got)
							assert.Equal(t, tc.answer, got.answer.Lines())
						}
						broken.Store(false)
						require.Eventually(t, func() bool { return walk(t, srv.Dial(t)).marks == 1 }, patience, tick)
					}
					if name != "hangs" {
						check(t, remote.Config{EjectAfter: 1000}, p.start(t))
						return
					}
					synctest.Test(t, func(t *testing.T) { // a bubble needs no real time to wait for an answer
						check(t, remote.Config{EjectAfter: 1000, Dial: p.dial, CommandTimeout: 2 * time.Second, ContentTimeout: 2 * time.Second}, "unix:/nowhere")
					})
				})
			}
		}
	}
}
