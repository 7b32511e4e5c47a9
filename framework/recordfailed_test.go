package framework_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	recorded "github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// scriptedRecords returns what records an MTA that sends a script: see talk.
func scriptedRecords(t *testing.T, r *framework.Router, script string) *recorder {
	t.Helper()
	k, cfg := newRecorder(), quiet()
	cfg.Recorder = k
	srv, conn, done := newServer(t, r, cfg), &scriptConn{rest: slices.Concat(opening(t), scripted(script))}, make(chan struct{})
	go func() { // a filter may end the goroutine
		defer close(done)
		srv.ServeConn(conn)
	}()
	<-done
	return k
}

// errorsOf returns the errors of a record, by filter and stage.
func errorsOf(m *recorded.Message) (list []string) {
	for _, s := range m.Stages {
		for _, c := range s.Calls {
			if c.Error != "" {
				list = append(list, c.Filter+" at "+s.Name+": "+c.Error)
			}
		}
	}
	return list
}

// A failure is in the record of the message in which it happened, and in no other one.
func TestRecordFailures(t *testing.T) {
	t.Parallel()
	why := errors.New("broken")
	open := []framework.LaneOption{framework.FailOpen()}
	const mail, timesTwo = "MRTLNBE", 2
	type want struct {
		state  recorded.State
		failed bool
		errors []string
	}
	fine := want{state: recorded.StateAccepted}
	for name, tt := range map[string]struct {
		register func(r *framework.Router)
		policy   []framework.LaneOption
		script   string
		want     []want
	}{
		"at an unknown command between messages": {
			func(r *framework.Router) {
				r.ObserveUnknown(func(*framework.Session, *framework.Unknown) error { return why })
			},
			open, "CH" + mail + "U" + mail + "Q", slices.Repeat([]want{fine}, timesTwo),
		},
		"at an unknown command within a message": {
			func(r *framework.Router) {
				r.ObserveUnknown(func(*framework.Session, *framework.Unknown) error { return why })
			},
			open, "CHMU" + mail[1:] + mail + "Q",
			[]want{{recorded.StateAccepted, true, []string{"fails at unknown: broken"}}, fine},
		},
		"at the end of the session before": {
			func(r *framework.Router) {
				r.ObserveClose(func(*framework.Session, *framework.Close) error { return why })
			},
			open, "CH" + mail + "KCH" + mail + "Q", slices.Repeat([]want{fine}, timesTwo),
		},
		"at the end of a session without a message": {
			func(r *framework.Router) {
				r.ObserveClose(func(*framework.Session, *framework.Close) error { return why })
			},
			open, "CHKCH" + mail + "Q",
			[]want{{recorded.StateAborted, true, []string{"fails at close: broken"}}, fine},
		},
		"at the abort that MAIL means": {
			func(r *framework.Router) {
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return why })
			},
			open, "CHMR" + mail + "Q",
			[]want{{recorded.StateAborted, true, []string{"fails at abort: broken"}}, fine},
		},
		"at the abort that HELO means": {
			func(r *framework.Router) {
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return why })
			},
			open, "CHMRH" + mail + "Q",
			[]want{{recorded.StateAborted, true, []string{"fails at abort: broken"}}, fine},
		},
		"of a filter without which the message goes on, before an event out of order": {
			func(r *framework.Router) {
				r.ObserveMail(func(*framework.Session, *framework.Mail) error { return why })
			},
			open, "CHMRTNBLE",
			[]want{{recorded.StateDeferred, true, []string{"fails at mail: broken", "other at header: the MTA sent an event out of order"}}},
		},
		"at RCPT, after which the client gives up": {
			func(r *framework.Router) {
				r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, why })
			},
			nil, "CHMRAQ",
			[]want{{recorded.StateDeferred, true, []string{"fails at rcpt: broken"}}},
		},
		"by the end of the goroutine in a message": {
			func(r *framework.Router) {
				r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { runtime.Goexit(); return nil })
			},
			nil, "CHMRT",
			[]want{{recorded.StateAborted, true, []string{"fails at rcpt: panic: framework: a filter ended its goroutine"}}},
		},
		"by the end of the goroutine before a message": {
			func(r *framework.Router) {
				r.ObserveHelo(func(*framework.Session, *framework.Helo) error { runtime.Goexit(); return nil })
			},
			nil, "CHMRT",
			[]want{{recorded.StateAborted, true, []string{"fails at helo: panic: framework: a filter ended its goroutine"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Mount(miltertest.FilterFunc("fails", func(r *framework.Router) error {
				tt.register(r)
				return nil
			}), tt.policy...)
			r.Mount(miltertest.FilterFunc("other", func(r *framework.Router) error {
				for _, twin := range stageTwins() {
					twin.observe(r, goOn)
				}
				r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
				return nil
			}))
			var got []want
			k := scriptedRecords(t, r, tt.script)
			for i, m := range k.all(t) {
				got = append(got, want{m.Outcome.State, slices.Contains(m.FailedIn, "fails"), errorsOf(m)})
				assert.Equal(t, len(m.FailedIn) > 0, k.recs[i].Failed)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// If an MTA lacks an action that a filter requires, the record says why the filter failed.
func TestRecordLackingAction(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string][]framework.LaneOption{"closed": nil, "open": {framework.FailOpen()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, r := newRecorder(), framework.NewRouter()
			r.Mount(new(diary).adds("requires"), policy...)
			r.Mount(miltertest.FilterFunc("other", func(r *framework.Router) error {
				stageTwins()[0].observe(r, goOn)
				return nil
			}))
			p := miltertest.Postfix().WithoutActions(wire.ActionAddHdrs)
			miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"), miltertest.As(p), k.option())
			m := k.only(t)
			assert.Equal(t, []string{"requires"}, m.FailedIn)
			require.Len(t, errorsOf(m), 1)
			assert.Contains(t, errorsOf(m)[0], "requires at connect: framework: the MTA does not offer")
			assert.Equal(t, 1, m.Stages[0].Frames)
			if policy == nil {
				assert.Equal(t, "requires", m.Outcome.Verdict.Filter)
			}
		})
	}
}

// While an Abort handler works, the command that ended the message belongs to what follows.
func TestRecordProgressAtAbort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, r := newRecorder(), framework.NewRouter()
		for _, twin := range stageTwins() {
			twin.on(r, goOn)
		}
		wait := time.Minute
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error {
			time.Sleep(wait)
			wait = 0
			return nil
		})
		srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) {
			production(cfg)
			cfg.HandlerTimeout = time.Hour
		}), k.option())
		conn := srv.Dial(t)
		require.NoError(t, conn.Macros(wire.CmdConnect, []mta.Macro{{Name: "v", Value: "Postfix 3.7.11"}}))
		_, err := conn.Connect(t.Context(), &wire.Connect{Host: []byte("host"), Family: wire.FamilyUnknown})
		require.NoError(t, err)
		for _, from := range []string{"<ann@example.org>", "<bob@example.org>"} {
			_, err := conn.Mail(t.Context(), from)
			require.NoError(t, err)
		}
		require.NoError(t, conn.Quit(t.Context()))
		srv.Close(t)
		list := k.all(t)
		require.Len(t, list, 2)
		first := words(list[0])
		assert.Contains(t, first, "<ann@example.org>")
		assert.NotContains(t, first, "<bob@example.org>")
		require.Contains(t, first, "SMFIR_PROGRESS")
		last := list[0].Frames[len(list[0].Frames)-1]
		assert.Greater(t, last.At, 10*time.Second, "it is sent while the handler works")
		assert.Contains(t, words(list[1]), "<bob@example.org>")
		assert.NotContains(t, words(list[1]), "SMFIR_PROGRESS")
	})
}

// slowRecorder is a Recorder that waits, or does something else.
type slowRecorder struct{ record func() }

// RecordLimits implements framework.Recorder.
func (slowRecorder) RecordLimits() framework.RecordLimits {
	return framework.RecordLimits{Bytes: 1 << 20}
}

// Record implements framework.Recorder.
func (r slowRecorder) Record(*framework.Recording) { r.record() }

// A Recorder that waits does not delay the answer to a message, nor the reply on behalf of a
// handler that hangs.
func TestRecorderWaits(t *testing.T) {
	t.Parallel()
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			release, r := make(chan struct{}), framework.NewRouter()
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				if hangs {
					<-release
				}
				return framework.Reject, nil
			})
			k := slowRecorder{func() { <-release }}
			srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) {
				production(cfg)
				cfg.Recorder = k
			}))
			conn := srv.Dial(t)
			resp, _, err := conn.EndOfMessage(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, hangs, strings.HasPrefix(resp.Lines()[0], "451"), resp.Lines())
			close(release)
			srv.Close(t)
		})
	}
}
