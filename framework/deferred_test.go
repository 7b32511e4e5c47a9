package framework_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

var errBoom = errors.New("boom")

// failure is a way in which a handler fails, until the test repairs it.
type failure struct {
	name  string
	hangs bool
	fail  func(s *framework.Session, release <-chan struct{}) error
}

func failures() []failure {
	return []failure{
		{"errs", false, func(*framework.Session, <-chan struct{}) error { return errBoom }},
		{"panics", false, func(*framework.Session, <-chan struct{}) error { panic(errBoom) }},
		{"is slow but heeds its context", false, func(s *framework.Session, _ <-chan struct{}) error {
			<-s.Context().Done()
			return context.Cause(s.Context())
		}},
		{"hangs", true, func(_ *framework.Session, release <-chan struct{}) error {
			<-release
			return nil
		}},
	}
}

// TestFailureAtEveryStage has a handler fail in every way and at every stage,
// and checks at which stage the refusal reaches the MTA and which events
// follow.
func TestFailureAtEveryStage(t *testing.T) {
	t.Parallel()
	for _, twin := range stageTwins() {
		for _, f := range failures() {
			for _, answers := range []bool{true, false} {
				for _, version := range []uint32{6, 2} {
					name := twin.stage.String() + "/" + f.name
					if !answers {
						name += "/observing"
					}
					if version == 2 {
						name += "/version 2"
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { testFailure(t, twin, f, answers, version) })
					})
				}
			}
		}
	}
}

func testFailure(t *testing.T, twin stageTwin, f failure, answers bool, version uint32) {
	t.Helper()
	var broken atomic.Bool
	var closes, after atomic.Int32
	release := make(chan struct{})
	handler := func(s *framework.Session) (framework.Verdict, error) {
		if broken.Load() {
			return framework.Continue, f.fail(s, release)
		}
		return framework.Continue, nil
	}
	r := framework.NewRouter()
	if answers {
		twin.on(r, handler)
	} else {
		twin.observe(r, handler)
	}
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		after.Add(1)
		return framework.Continue, nil
	})
	r.ObserveClose(func(*framework.Session, *framework.Close) error {
		closes.Add(1)
		return nil
	})
	srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production),
		miltertest.MTA(mta.Config{Offer: mta.PostfixOffer(version)}))
	conn, other := srv.Dial(t), srv.Dial(t)

	broken.Store(true)
	out := conn.Run(t, letter())
	broken.Store(false)
	want := twin.name
	if !answers && version == 6 || twin.stage == framework.StageData && version == 2 {
		want = mta.StageEndOfMessage
	}
	stage, lines := refusedAt(&out.Outcome)
	assert.Equal(t, want, stage)
	assert.Equal(t, []string{policyReply}, lines)
	assert.Zero(t, after.Load(), "a filter that failed does not go on")
	assert.Len(t, logged(srv, slog.LevelError), 1)

	other.Run(t, letter()).AssertAccepted(t)
	require.NoError(t, other.Quit(t.Context()))
	synctest.Wait()
	require.Equal(t, int32(1), closes.Load(), "of the other")
	switch session := twin.stage == framework.StageConnect || twin.stage == framework.StageHelo; {
	case f.hangs:
		_, err := conn.ReadReply(t.Context())
		require.Error(t, err, "the connection is given up")
	case session:
		assert.True(t, conn.Run(t, letter()).Verdict.Refuses(), "it stands for the session")
	default:
		conn.Run(t, letter()).AssertAccepted(t)
	}
	close(release)
	srv.Close(t)
	assert.Equal(t, int32(2), closes.Load(), "once for each session")
}

// TestDeferredToTheNextAnswer has an observer fail. The next stage that sends a
// reply sends the refusal, without calling its handler.
func TestDeferredToTheNextAnswer(t *testing.T) {
	t.Parallel()
	twins := stageTwins()
	for i := range len(twins) - 1 {
		for _, f := range failures() {
			t.Run(twins[i].stage.String()+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					r, asked := framework.NewRouter(), false
					twins[i].observe(r, func(s *framework.Session) (framework.Verdict, error) {
						return framework.Continue, f.fail(s, release)
					})
					twins[i+1].on(r, func(*framework.Session) (framework.Verdict, error) {
						asked = true
						return framework.Accept, nil
					})
					srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
					out := srv.Dial(t).Run(t, letter())
					stage, lines := refusedAt(&out.Outcome)
					assert.Equal(t, twins[i+1].name, stage)
					assert.Equal(t, []string{policyReply}, lines)
					close(release)
					srv.Close(t)
					assert.False(t, asked)
				})
			})
		}
	}
}

func TestFailureAtUnknown(t *testing.T) {
	t.Parallel()
	register := func(r *framework.Router, answers bool) {
		if answers {
			r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
				return framework.Continue, errBoom
			})
			return
		}
		r.ObserveUnknown(func(*framework.Session, *framework.Unknown) error { panic(errBoom) })
	}
	for _, tt := range []struct {
		name           string
		answers, inMsg bool
		here, message  bool // refused at this stage, refused as a message
	}{
		{"answering, between messages", true, false, true, false},
		{"answering, in a message", true, true, true, true},
		{"observing, between messages", false, false, false, true},
		{"observing, in a message", false, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			register(r, tt.answers)
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
			r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) { return framework.Continue, nil })
			conn, ctx := miltertest.NewRouterServer(t, r).Dial(t), t.Context()
			unknown := func() {
				resp, err := conn.Unknown(ctx, "XYZZY")
				require.NoError(t, err)
				assert.Equal(t, tt.here, resp.Refuses())
			}
			if !tt.inMsg {
				unknown()
			}
			mail, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			assert.Equal(t, !tt.inMsg && tt.message, mail.Refuses())
			if tt.inMsg {
				unknown()
				data, err := conn.Data(ctx)
				require.NoError(t, err)
				assert.Equal(t, tt.message, data.Refuses())
			}
			require.NoError(t, conn.Abort())
			again, err := conn.Mail(ctx, "<b@example.org>")
			require.NoError(t, err)
			assert.False(t, again.Refuses(), "one message pays for it")
		})
	}
}
