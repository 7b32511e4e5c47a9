package framework_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	recorded "github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Code that hangs after a message has ended does not change how the message ended.
func TestRecordHungBetween(t *testing.T) {
	t.Parallel()
	release := func(hang chan struct{}) error { <-hang; return nil }
	for name, tt := range map[string]struct {
		register func(r *framework.Router, hang chan struct{})
		script   string
		state    recorded.State
		number   uint64
		failed   []string
		error    string
	}{
		"abort": {
			func(r *framework.Router, hang chan struct{}) {
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return release(hang) })
			},
			"CHMRAMR", recorded.StateAborted, 1,
			[]string{"hangs"},
			"hangs at abort: handler timed out",
		},
		"close": {
			func(r *framework.Router, hang chan struct{}) {
				r.ObserveClose(func(*framework.Session, *framework.Close) error { return release(hang) })
			},
			"CHKCHMR", recorded.StateAborted, 0,
			[]string{"hangs"},
			"hangs at close: handler timed out",
		},
		"AfterMessage": {
			func(r *framework.Router, hang chan struct{}) {
				hold := r.GrantQuarantine()
				r.Use(afterEach(func(*framework.Session, *framework.MessageResult) { _ = release(hang) }))
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, hold.Quarantine(s, "look")
				})
			},
			"CHMRTLNBEMR", recorded.StateQuarantined, 1,
			nil, " at end of message: AfterMessage timed out",
		},
		"ResetSlot": {
			func(r *framework.Router, hang chan struct{}) {
				slot := framework.PerMessage[hangingSlot](r)
				r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
					slot.Get(s).hang = hang
					return nil
				})
			},
			"CHMRTLNBEMR", recorded.StateAccepted, 1,
			nil, "", // it hangs after the record
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hang, k, r := make(chan struct{}), newRecorder(), framework.NewRouter()
				for _, twin := range stageTwins() {
					twin.observe(r, goOn)
				}
				r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
					tt.register(r, hang)
					return nil
				}))
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production), k.option())
				conn := srv.Dial(t)
				require.NoError(t, conn.Raw(t.Context(), scripted(tt.script)))
				time.Sleep(10 * time.Minute)
				m := k.only(t)
				close(hang)
				synctest.Wait()
				srv.Close(t)
				assert.Equal(t, tt.state, m.Outcome.State)
				assert.Equal(t, tt.number, m.Number)
				assert.Equal(t, tt.failed, m.FailedIn)
				said := strings.TrimSuffix(strings.Join(errorsOf(m), ", "), "; the framework replied on its behalf")
				assert.Equal(t, tt.error, said)
				assert.Equal(t, tt.error != "", k.recs[0].Failed)
				assert.Len(t, k.all(t), 1)
			})
		})
	}
}

// hangingSlot is a slot whose reset hangs.
type hangingSlot struct{ hang chan struct{} }

// ResetSlot implements framework.Resetter.
func (h *hangingSlot) ResetSlot() {
	if h.hang != nil {
		<-h.hang
	}
}
