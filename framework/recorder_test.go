package framework_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	recorded "github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// recorder is a Recorder that keeps the recordings.
type recorder struct {
	limits framework.RecordLimits
	mu     sync.Mutex
	recs   []framework.Recording
}

func newRecorder() *recorder {
	return &recorder{limits: framework.RecordLimits{Bytes: 1 << 20, Header: true, Body: true}}
}

// RecordLimits implements framework.Recorder.
func (k *recorder) RecordLimits() framework.RecordLimits { return k.limits }

// Record implements framework.Recorder.
func (k *recorder) Record(r *framework.Recording) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := *r
	kept.Bytes = bytes.Clone(r.Bytes)
	k.recs = append(k.recs, kept)
}

// option makes a server of miltertest record.
func (k *recorder) option() miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = k })
}

// all decodes the recordings.
func (k *recorder) all(t *testing.T) (list []*recorded.Message) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rec := range k.recs {
		m, err := recorded.Decode(rec.Bytes)
		require.NoError(t, err)
		list = append(list, m)
	}
	return list
}

// only decodes the only recording.
func (k *recorder) only(t *testing.T) *recorded.Message {
	t.Helper()
	list := k.all(t)
	require.Len(t, list, 1)
	return list[0]
}

// words returns the conversation as a tracer writes it.
func words(m *recorded.Message) string {
	var b strings.Builder
	for _, f := range m.Frames {
		if f.FromMTA {
			b.WriteString("MTA ")
		} else {
			b.WriteString("FLT ")
		}
		b.WriteString(f.Text + "\n")
	}
	return b.String()
}

// everyStage returns a filter that answers at each stage and edits at the end.
func everyStage(t *testing.T) *framework.Router {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("editor", func(r *framework.Router) error {
		for _, twin := range stageTwins() {
			if twin.stage != framework.StageUnknown {
				twin.on(r, goOn)
			}
		}
		body := r.GrantReplaceBody(framework.Optional())
		add := r.GrantInsertHeader(framework.Optional())
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.Join(
				add.Append(s, "X-Last", "yes"), add.Prepend(s, "X-First", "yes"), body.Replace(s, []byte("new\r\n")))
		})
		return nil
	}))
	return r
}

// For each kind of MTA, the record has the conversation that the MTA saw, each stage, and
// the message that the MTA sent.
func TestRecordPersonalities(t *testing.T) {
	t.Parallel()
	for _, p := range miltertest.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			k := newRecorder()
			msg := miltertest.Message("From: ann@example.org\nSubject: one\n\nHello\n",
				miltertest.From("ann@example.org"), miltertest.To("bob@example.net"), miltertest.QueueID("4ABC"))
			res := miltertest.RunRouter(t, everyStage(t), msg, k.option(), miltertest.As(p))
			m := k.only(t)
			assert.Equal(t, recorded.StateAccepted, m.Outcome.State)
			assert.Equal(t, "one", m.Subject)
			assert.Contains(t, m.Sender, "ann@example.org")
			require.Len(t, m.Recipients, 1)
			require.Len(t, m.Header, 2)
			assert.Equal(t, "Hello", strings.TrimSpace(string(m.Body)))
			assert.False(t, m.Cut)
			assert.EqualValues(t, 1, m.Number)
			var stages []string
			for _, s := range m.Stages {
				stages = append(stages, s.Name)
				assert.GreaterOrEqual(t, s.Waiting, time.Duration(0))
				assert.GreaterOrEqual(t, s.Working, time.Duration(0))
			}
			assert.Subset(t, stages, []string{"connect", "helo", "mail", "rcpt", "header", "body", "end of message"})
			assertSaid(t, m, res.Transcript)
			if res.Header("X-Last") != "" {
				require.NotEmpty(t, m.Filters[0].Header)
				assert.Equal(t, "X-Last", m.Filters[0].Header[len(m.Filters[0].Header)-1].Name)
				assert.Equal(t, "X-First", m.Filters[0].Header[0].Name)
				assert.Equal(t, "new\r\n", string(m.Filters[0].NewBody))
			}
		})
	}
}

// assertSaid asserts that the frames of a record are those of the transcript, as far as they
// are about the message. Long lines are cut in records, and new bodies are recorded apart.
func assertSaid(t *testing.T, m *recorded.Message, transcript string) {
	t.Helper()
	rest := transcript
	for line := range strings.Lines(words(m)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, "not recorded") {
			line, _, _ = strings.Cut(line, ",")
		}
		line = strings.TrimSuffix(line, "…")
		_, after, found := strings.Cut(rest, line)
		if !assert.True(t, found, "%q is not in, or not in this order:\n%s", line, transcript) {
			return
		}
		rest = after
	}
}

// Several messages on a connection, one of them given up, and a session without one.
func TestRecordSessions(t *testing.T) {
	t.Parallel()
	k := newRecorder()
	srv := miltertest.NewRouterServer(t, everyStage(t), k.option())
	conn := srv.Dial(t)
	for _, subject := range []string{"one", "two"} {
		conn.Run(t, miltertest.Message("Subject: "+subject+"\n\nx\n", miltertest.QueueID("4"+subject)))
	}
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	list := k.all(t)
	require.Len(t, list, 2)
	for i, want := range []string{"one", "two"} {
		assert.Equal(t, want, list[i].Subject)
		assert.Equal(t, "4"+want, list[i].QueueID)
		assert.EqualValues(t, i+1, list[i].Number)
		assert.Equal(t, list[0].Session, list[i].Session)
		assert.Equal(t, 1, strings.Count(words(list[i]), "SMFIC_MAIL \""), "the frames of its own message alone")
		assert.Contains(t, words(list[i]), "SMFIC_CONNECT host=", "and those of its session")
		assert.Equal(t, list[0].Client, list[i].Client)
	}
	assert.True(t, list[0].Began.Before(list[1].Began))
}

// A handler that hangs is recorded when the framework replies on its behalf, and not again
// when it returns.
func TestRecordHungHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, release := newRecorder(), make(chan struct{})
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				<-release
				return framework.Continue, nil
			})
			return nil
		}))
		srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production), k.option())
		conn := srv.Dial(t)
		resp, _, err := conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines())
		synctest.Wait()
		m := k.only(t)
		close(release)
		synctest.Wait()
		srv.Close(t)
		assert.Equal(t, recorded.StateDeferred, m.Outcome.State)
		assert.True(t, m.Outcome.Failed)
		assert.Equal(t, "hangs", m.Outcome.Verdict.Filter)
		assert.Equal(t, []string{"hangs"}, m.FailedIn)
		last := m.Stages[len(m.Stages)-1]
		require.Len(t, last.Calls, 1)
		assert.Contains(t, last.Calls[0].Error, "timed out")
		assert.Greater(t, last.Calls[0].Working, 270*time.Second)
		assert.Contains(t, words(m), "SMFIR_PROGRESS")
		assert.Len(t, k.all(t), 1)
	})
}

// Times are those of the clock: how long a filter worked, and how long it waited.
func TestRecordTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newRecorder()
		r := framework.NewRouter()
		for _, name := range []string{"quick", "slow"} {
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
				r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) {
					if name == "slow" {
						time.Sleep(100 * time.Millisecond)
					}
					return framework.Continue, nil
				})
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					framework.RecordNote(s.Context(), "test", "note of "+name, time.Now(), nil)
					return framework.Continue, nil
				})
				return nil
			}))
		}
		miltertest.RunRouter(t, r, miltertest.Message("A: 1\nB: 2\nC: 3\n\ny\n"), k.option())
		m := k.only(t)
		assert.Equal(t, "slow", m.Slowest)
		assert.InDelta(t, 300*time.Millisecond, m.SlowestWork, 1000)
		assert.InDelta(t, 300*time.Millisecond, m.Working, 1000)
		var calls []recorded.Call
		for _, s := range m.Stages {
			if s.Name == "header" {
				calls = s.Calls
				assert.InDelta(t, 300*time.Millisecond, s.Working, 1000)
				assert.Equal(t, 3, s.Frames)
			}
		}
		require.Len(t, calls, 2)
		assert.Equal(t, 3, calls[1].Count)
		assert.InDelta(t, 100*time.Millisecond, calls[1].Longest, 1000)
		require.Len(t, m.Notes, 2)
		assert.Equal(t, "slow", m.Notes[1].Filter)
		assert.InDelta(t, 300*time.Millisecond, m.Notes[1].At, 1000)
	})
}

// A Recorder that panics costs its records, and no mail.
func TestRecorderPanics(t *testing.T) {
	t.Parallel()
	logs := miltertest.RunRouter(t, everyStage(t), miltertest.Message("A: b\n\nc\n"),
		miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = panics{} })).Logs
	assert.Contains(t, logs.String(), "recorder panicked")
}

type panics struct{}

// RecordLimits implements framework.Recorder.
func (panics) RecordLimits() framework.RecordLimits { return framework.RecordLimits{Bytes: 1 << 20} }

// Record implements framework.Recorder.
func (panics) Record(*framework.Recording) { panic("no room") }

// A limit that makes no sense is an error of NewServer.
func TestRecordLimitsCheck(t *testing.T) {
	t.Parallel()
	for _, limits := range []framework.RecordLimits{{}, {Bytes: 1000}, {Bytes: 1 << 30}, {Bytes: 1 << 20, Open: -1}} {
		_, err := framework.NewServer(framework.NewRouter(), framework.Config{Recorder: &recorder{limits: limits}})
		assert.ErrorContains(t, err, "framework: RecordLimits.")
	}
}

// A record has a bounded number of filters.
func TestRecordTooManyFilters(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	for i := range 4097 {
		r.Mount(miltertest.FilterFunc(strconv.Itoa(i), func(r *framework.Router) error {
			r.ObserveMail(watches[*framework.Mail])
			return nil
		}))
	}
	_, err := framework.NewServer(r, framework.Config{Recorder: newRecorder()})
	assert.ErrorContains(t, err, "framework: Config.Recorder takes 4096 filters at most, and there are 4097")
	_, err = framework.NewServer(r, framework.Config{})
	assert.NoError(t, err)
}

// A large body is cut at the limit, and the rest of the record is there.
func TestRecordCut(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789abcde\n", 64<<10)
	for name, limits := range map[string]framework.RecordLimits{
		"of one message":      {Bytes: 256 << 10, Header: true, Body: true},
		"of all that is open": {Bytes: 8 << 20, Open: 1, Header: true, Body: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &recorder{limits: limits}
			miltertest.RunRouter(t, everyStage(t), miltertest.Message("Subject: large\n\n"+body), k.option())
			m := k.only(t)
			assert.True(t, m.Cut)
			assert.Equal(t, "large", m.Subject)
			assert.Equal(t, recorded.StateAccepted, m.Outcome.State)
			assert.EqualValues(t, len(body)+64<<10, m.BodySize, "with CRLF")
			assert.Less(t, len(k.recs[0].Bytes), 260<<10)
		})
	}
}

// Outside of a message that is recorded, RecordNote does nothing.
func TestRecordNote(t *testing.T) {
	t.Parallel()
	assert.False(t, framework.Recorded(t.Context()))
	framework.RecordNote(t.Context(), "test", "nothing", time.Now(), nil)
	var kept context.Context
	r := framework.NewRouter()
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		kept = s.Context()
		assert.True(t, framework.Recorded(kept))
		for range 100_000 {
			framework.RecordNote(kept, "test", "one of very many", time.Now(), errors.New("failed"))
		}
		return framework.Continue, nil
	})
	k := newRecorder()
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"), k.option())
	framework.RecordNote(kept, "test", "too late", time.Now(), nil)
	m := k.only(t)
	assert.NotEmpty(t, m.Notes)
	assert.Less(t, len(k.recs[0].Bytes), 300<<10)
	for _, n := range m.Notes {
		assert.Equal(t, "failed", n.Error)
	}
	plain := func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		assert.False(t, framework.Recorded(s.Context()))
		return framework.Continue, nil
	}
	r = framework.NewRouter()
	r.OnMail(plain)
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"))
}
