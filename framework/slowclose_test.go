package framework_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// A connection that is closed needs no seat, even if its Close handler still runs. Shutdown
// waits for the handler.
func TestSlowCloseNeedsNoSeat(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]framework.Admission{
		"MaxSessions":               {MaxSessions: 1},
		"MaxSessions and OverLimit": {MaxSessions: 1, OverLimit: framework.TempFail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Int32
				r := framework.NewRouter()
				r.OnMail(goesOn[*framework.Mail])
				r.ObserveClose(func(*framework.Session, *framework.Close) error {
					time.Sleep(20 * time.Second)
					closed.Add(1)
					return nil
				})
				cfg := quiet()
				cfg.Admission = limits
				srv := newServer(t, r, cfg)
				for range 3 {
					seated(t, srv)
					synctest.Wait()
					assert.Zero(t, srv.Stats().Connections)
				}
				began := time.Now()
				require.NoError(t, srv.Shutdown(t.Context()))
				assert.Equal(t, 20*time.Second, time.Since(began), "Shutdown waits for the handlers")
				assert.EqualValues(t, 3, closed.Load())
				assert.Zero(t, srv.Stats().OverLimit)
				assert.Zero(t, srv.Stats().AbandonedHandlers)
			})
		})
	}
}
