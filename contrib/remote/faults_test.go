package remote_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
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

// letter is a plain message.
func letter() *mta.Message {
	return &mta.Message{
		Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
		Header: []mta.Field{{Name: "Subject", Value: " hello"}, {Name: "To", Value: " bob@example.net"}}, Body: []byte("hello\r\n"),
	}
}

// faults are what a milter may do instead of answering.
func faults(t *testing.T) map[string]func() ([]byte, bool) {
	t.Helper()
	does := func(frames []byte, goOn bool) func() ([]byte, bool) {
		return func() ([]byte, bool) { return frames, goOn }
	}
	return map[string]func() ([]byte, bool){
		"dies":                            does(nil, false),
		"dies within an answer":           does(bare(wire.RepContinue)[:3], false),
		"hangs":                           does(nil, true),
		"sends garbage":                   does([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), true),
		"answers with an unknown code":    does(bare('!'), true),
		"answers twice":                   does(append(bare(wire.RepContinue), bare(wire.RepContinue)...), true),
		"edits what it did not negotiate": does(append(frame(t, &wire.DelRcpt{Recipient: "<bob@example.net>"}), bare(wire.RepContinue)...), true),
		"sends a reply without a code":    does(wire.AppendFrame(nil, wire.Frame{Code: byte(wire.RepReplyCode), Data: []byte("no\x00")}), true),
	}
}

// A milter that is away gets the policy, too, whatever wishes were configured.
func TestAway(t *testing.T) {
	t.Parallel()
	everything := remote.Everything()
	f := lane(t, remote.Config{WishesIfAway: &everything}, "unix:"+filepath.Join(t.TempDir(), "nobody"))
	res := miltertest.Run(t, f, letter())
	assert.Equal(t, []string{"451 4.3.0 mail filter failed, try again later"}, res.Verdict.Lines())
	res = miltertest.Run(t, f, letter(), miltertest.Lane(framework.FailOpen()))
	require.NotNil(t, res.Edited)
}

// A milter that is away at the start is an error, unless its wishes are known.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	addr := "unix:" + filepath.Join(t.TempDir(), "nobody")
	r := framework.NewRouter()
	r.Mount(lane(t, remote.Config{}, addr))
	_, err := r.Plan()
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "start it, or set Config.WishesIfAway")
	assert.ErrorContains(t, err, "milter at "+addr)

	known := wire.Negotiate{Version: wire.MaxVersion, Protocol: wire.ProtoNoConnect | wire.ProtoNRMail}
	for _, cfg := range []remote.Config{{WishesIfAway: &known}, {Wishes: &known}} {
		r := framework.NewRouter()
		r.Mount(lane(t, cfg, addr))
		plan, err := r.Plan()
		require.NoError(t, err)
		assert.True(t, plan.Protocol.Has(wire.ProtoNRMail))
	}
}

// If one milter of a pool is away at the start, the others say what is wanted.
func TestOneAwayAtStart(t *testing.T) {
	t.Parallel()
	p := &puppet{answer: wire.Negotiate{Actions: wire.ActionChgFrom}}
	f := lane(t, remote.Config{}, "unix:"+filepath.Join(t.TempDir(), "nobody"), p.start(t))
	wishes, err := f.Ask(t.Context())
	require.NoError(t, err)
	assert.Equal(t, wire.ActionChgFrom, wishes.Actions)
	for range 3 {
		assert.NotNil(t, miltertest.Run(t, f, letter()).Edited)
	}
}

// A milter that was started anew and wants more than at the start of the program cannot be
// given it: the policy decides.
func TestWantsMoreLater(t *testing.T) {
	t.Parallel()
	first := wire.Negotiate{
		Version: wire.MaxVersion, Actions: wire.ActionAddHdrs,
		Protocol: wire.ProtoNoBody | wire.ProtoNRHdr | wire.ProtoNoUnknown,
	}
	for name, later := range map[string]struct {
		answer wire.Negotiate
		reason string
	}{
		"a stage":    {wire.Negotiate{Protocol: wire.ProtoNRHdr | wire.ProtoNoUnknown}, "it wants more than at start-up; restart this program, too: SMFIC_BODY"},
		"an answer":  {wire.Negotiate{Protocol: wire.ProtoNoBody | wire.ProtoNoUnknown}, "answers to SMFIC_HEADER"},
		"an action":  {wire.Negotiate{Actions: wire.ActionChgBody}, "actions that were not offered: SMFIF_CHGBODY"},
		"a protocol": {wire.Negotiate{Version: 7}, "version above the MTA's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &puppet{answer: later.answer, stubborn: true}
			res := miltertest.Run(t, lane(t, remote.Config{Wishes: &first}, p.start(t)), letter())
			assert.Nil(t, res.Edited)
			assert.Equal(t, []string{"451 4.3.0 mail filter failed, try again later"}, res.Verdict.Lines())
			assert.Contains(t, res.Logs.String(), later.reason)
		})
	}
	p := &puppet{answer: wire.Negotiate{Protocol: wire.ProtoNoBody | wire.ProtoNoHdrs | wire.ProtoNoUnknown}}
	assert.NotNil(t, miltertest.Run(t, lane(t, remote.Config{Wishes: &first}, p.start(t)), letter()).Edited, "it may want less")
}

// SMFIR_PROGRESS keeps the wait alive beyond the timeout of an answer, and not beyond the
// deadline of the handler.
func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the pauses of a busy machine would be too long
		const timeout, pause = 2 * time.Second, 700 * time.Millisecond
		times := make(chan int, 2)
		dial := func(context.Context, string, string) (net.Conn, error) {
			near, far := miltertest.Pipe()
			n := 0
			p := &puppet{reply: func(f wire.Frame) ([]byte, bool) {
				if wire.CommandCode(f.Code) != wire.CmdBodyEOB {
					return bare(wire.RepContinue), true
				}
				for limit := <-times; n < limit; n++ {
					time.Sleep(pause)
					if _, err := far.Write(bare(wire.RepProgress)); err != nil {
						return nil, false
					}
				}
				return bare(wire.RepContinue), true
			}}
			go func() {
				defer func() { _ = far.Close() }()
				p.serve(far)
			}()
			return near, nil
		}
		everything := remote.Everything()
		f := lane(t, remote.Config{Wishes: &everything, Dial: dial, ContentTimeout: timeout}, "unix:/nowhere")
		times <- 6
		began := time.Now()
		require.NotNil(t, miltertest.Run(t, f, letter()).Edited)
		assert.Equal(t, 6*pause, time.Since(began))

		times <- 1 << 20
		res := miltertest.Run(t, f, letter(), miltertest.Configure(func(cfg *framework.Config) { cfg.MessageTimeout = timeout }))
		assert.Nil(t, res.Edited)
		assert.Contains(t, res.Logs.String(), framework.ErrHandlerTimeout.Error())
	})
}
