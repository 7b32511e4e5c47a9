package framework_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stageHandler is a handler that the tests of every stage register.
type stageHandler func(s *framework.Session) (framework.Verdict, error)

// stageTwin registers a handler at one stage, to answer or to observe.
type stageTwin struct {
	stage   framework.Stage
	name    mta.Stage
	on      func(r *framework.Router, h stageHandler)
	observe func(r *framework.Router, h stageHandler)
}

// twin returns a stageTwin for two methods of a router.
func twin[E framework.Event](stage framework.Stage, name mta.Stage,
	on func(*framework.Router, func(*framework.Session, E) (framework.Verdict, error)),
	observe func(*framework.Router, func(*framework.Session, E) error),
) stageTwin {
	return stageTwin{
		stage: stage, name: name,
		on: func(r *framework.Router, h stageHandler) {
			on(r, func(s *framework.Session, _ E) (framework.Verdict, error) { return h(s) })
		},
		observe: func(r *framework.Router, h stageHandler) {
			observe(r, func(s *framework.Session, _ E) error {
				_, err := h(s)
				return err
			})
		},
	}
}

// stageTwins returns the stages that allow both handlers and observers, in
// order.
func stageTwins() []stageTwin {
	type r = framework.Router
	return []stageTwin{
		twin(framework.StageConnect, mta.StageConnect, (*r).OnConnect, (*r).ObserveConnect),
		twin(framework.StageHelo, mta.StageHelo, (*r).OnHelo, (*r).ObserveHelo),
		twin(framework.StageMail, mta.StageMail, (*r).OnMail, (*r).ObserveMail),
		twin(framework.StageRcpt, mta.StageRcpt, (*r).OnRcpt, (*r).ObserveRcpt),
		twin(framework.StageData, mta.StageData, (*r).OnData, (*r).ObserveData),
		twin(framework.StageHeader, mta.StageHeader, (*r).OnHeader, (*r).ObserveHeader),
		twin(framework.StageEndOfHeaders, mta.StageEndOfHeaders, (*r).OnEndOfHeaders, (*r).ObserveEndOfHeaders),
		twin(framework.StageBody, mta.StageBody, (*r).OnBody, (*r).ObserveBody),
	}
}

func letter() *mta.Message {
	return miltertest.Message("Subject: hello\nX-Other: value\n\nHow are you?\n",
		miltertest.From("ann@example.org"), miltertest.To("bob@example.net"))
}

// production sets the default deadlines of a server.
func production(cfg *framework.Config) {
	cfg.HandlerTimeout, cfg.MessageTimeout, cfg.HangGrace = 0, 0, 0
}

// refusedAt returns the stage of the first refusal of a message and its SMTP
// reply.
func refusedAt(out *mta.Outcome) (stage mta.Stage, lines []string) {
	for _, step := range out.Steps {
		if step.Refuses() {
			return step.Stage, step.Lines()
		}
	}
	return "", nil
}

// logged returns the log records of a level.
func logged(srv *miltertest.Server, level slog.Level) (found miltertest.Logs) {
	for _, record := range srv.Logs() {
		if record.Level == level {
			found = append(found, record)
		}
	}
	return found
}

const policyReply = "451 4.3.0 mail filter failed, try again later"

func TestSessionDescribesItself(t *testing.T) {
	t.Parallel()
	type view struct {
		id, peer, queue string
		cause           error
	}
	var seen []view
	var ctxs []context.Context
	r := framework.NewRouter()
	queue := r.WantMacro(framework.StageEndOfMessage, "i")
	look := func(s *framework.Session) {
		seen = append(seen, view{s.ID(), s.Peer().String(), s.QueueID(), context.Cause(s.Context())})
		ctxs = append(ctxs, s.Context())
	}
	r.OnConnect(func(s *framework.Session, _ *framework.Connect) (framework.Verdict, error) {
		look(s)
		return framework.Continue, nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		look(s)
		id, ok := queue.Value(s)
		assert.True(t, ok)
		assert.Equal(t, s.QueueID(), id)
		assert.NoError(t, ctxs[0].Err(), "the session's context outlives the begin of a message")
		return framework.Continue, nil
	})
	r.ObserveClose(func(*framework.Session, *framework.Close) error {
		require.Len(t, ctxs, 3)
		assert.ErrorIs(t, context.Cause(ctxs[1]), framework.ErrMessageOver)
		assert.ErrorIs(t, context.Cause(ctxs[2]), framework.ErrMessageOver)
		assert.NoError(t, ctxs[0].Err(), "Close belongs to the session")
		return nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	conn.Run(t, miltertest.Message("A: b\n\n", miltertest.QueueID("4ABC"))).AssertAccepted(t)
	conn.Run(t, letter()).AssertAccepted(t)
	srv.Close(t)

	require.Len(t, seen, 3)
	assert.Equal(t, seen[0].id, seen[2].id)
	assert.Equal(t, "memory:mta", seen[1].peer)
	assert.Equal(t, "4ABC", seen[1].queue)
	assert.Empty(t, seen[0].queue)
	assert.ErrorIs(t, context.Cause(ctxs[0]), framework.ErrSessionOver)
}

// TestOldMTA simulates an MTA with protocol version 2, which has no SMFIP_NR_…
// options, no SMFIC_DATA and no SMFIR_SKIP. The server replies to each event,
// whatever is registered.
func TestOldMTA(t *testing.T) {
	t.Parallel()
	for _, twin := range stageTwins() {
		for _, method := range []string{"On", "Observe"} {
			t.Run(method+" "+twin.stage.String(), func(t *testing.T) {
				t.Parallel()
				seen := 0
				handler := func(*framework.Session) (framework.Verdict, error) {
					seen++
					return framework.Continue, nil
				}
				r := framework.NewRouter()
				if method == "On" {
					twin.on(r, handler)
				} else {
					twin.observe(r, handler)
				}
				srv := miltertest.NewRouterServer(t, r, miltertest.MTA(mta.Config{Offer: mta.PostfixOffer(2)}))
				conn := srv.Dial(t)
				for range 2 {
					out := conn.Run(t, letter())
					out.AssertAccepted(t)
					for _, step := range out.Steps {
						assert.NotEqual(t, mta.NotAwaited, step.Origin, "at %s", step.Stage)
					}
				}
				require.NoError(t, conn.Silent(t.Context(), 5*time.Millisecond), "an answer too many")
				srv.Close(t)
				assert.NotZero(t, seen, "version 2 has no DATA, which is made up")
			})
		}
	}
}

func TestSkipBodyWithoutSkip(t *testing.T) {
	t.Parallel()
	for version, want := range map[uint32]mta.Origin{2: mta.Answered, 6: mta.Skipped} {
		r, chunks := framework.NewRouter(), 0
		r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) {
			chunks++
			return framework.SkipBody, nil
		})
		srv := miltertest.NewRouterServer(t, r, miltertest.MTA(mta.Config{Offer: mta.PostfixOffer(version)}))
		conn, ctx := srv.Dial(t), t.Context()
		for range 2 {
			_, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			_, err = conn.Body(ctx, []byte("one\r\n"))
			require.NoError(t, err)
			second, err := conn.Body(ctx, []byte("two\r\n"))
			require.NoError(t, err)
			assert.Equal(t, want, second.Origin)
			verdict, _, err := conn.EndOfMessage(ctx, []byte("three\r\n"))
			require.NoError(t, err)
			assert.Equal(t, wire.RepContinue, verdict.Code)
		}
		assert.Equal(t, 2, chunks, "one of each message, with version %d", version)
	}
}

func TestBodyInTheLastPacket(t *testing.T) {
	t.Parallel()
	r, got := framework.NewRouter(), ""
	r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
		got += string(b.Chunk()) + "|"
		return nil
	})
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		got += "end"
		return framework.Accept, nil
	})
	conn, ctx := miltertest.NewRouterServer(t, r).Dial(t), t.Context()
	_, err := conn.Mail(ctx, "<>")
	require.NoError(t, err)
	_, err = conn.Body(ctx, []byte("one"))
	require.NoError(t, err)
	verdict, _, err := conn.EndOfMessage(ctx, []byte("two"))
	require.NoError(t, err)
	assert.Equal(t, wire.RepAccept, verdict.Code)
	assert.Equal(t, "one|two|end", got)
}

func TestResetEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	slot := framework.PerMessage[badReset](r)
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		slot.Get(s).used = true
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	bad, good := srv.Dial(t), srv.Dial(t)
	_, err := bad.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, bad.Abort())
	_, err = bad.Mail(t.Context(), "<b@example.org>")
	require.Error(t, err, "its own connection is lost")
	_, err = good.Mail(t.Context(), "<c@example.org>")
	require.NoError(t, err)
	assert.Len(t, logged(srv, slog.LevelError), 1)
}

type badReset struct{ used bool }

func (b *badReset) ResetSlot() {
	if b.used {
		runtime.Goexit()
	}
}

// An MTA of an old protocol version does not send DATA. One that sends it
// nevertheless waits for the answer.
func TestDataOfAnOldMTA(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]framework.Verdict{"continue": framework.Continue, "refuse": framework.Reject} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := 0
			r := framework.NewRouter()
			r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
				seen++
				return verdict, nil
			})
			conn := miltertest.NewRouterServer(t, r, miltertest.MTA(mta.Config{Offer: mta.PostfixOffer(3)})).Dial(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			conn.Frame(byte(wire.CmdData), nil)
			reply, err := conn.ReadReply(ctx)
			require.NoError(t, err)
			assert.Equal(t, verdict.Refuses(), reply.ReplyCode() == wire.RepReject)
			if verdict.Refuses() {
				return
			}
			_, _, err = conn.EndOfMessage(ctx, nil)
			require.NoError(t, err)
			assert.Equal(t, 1, seen, "DATA is not made up besides")
		})
	}
}
