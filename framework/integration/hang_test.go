//go:build integration

package integration_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestHungHandlers has one seat and a filter that hangs: three times at MAIL, and once after a
// message that was delivered. The client whose message it is gets the reply of the
// filter's policy, a message that has its reply keeps it, and the next client is served.
func TestHungHandlers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		for _, network := range networks() {
			t.Run(name+" over "+network, func(t *testing.T) {
				t.Parallel()
				mta, g := behind(t, start, network)
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				var atMail, after atomic.Bool
				r := framework.NewRouter()
				r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
					rt.AfterMessage(func(*framework.Session, *framework.MessageResult) {
						if after.CompareAndSwap(true, false) {
							<-release
						}
					})
					return next
				})
				r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
					if atMail.CompareAndSwap(true, false) {
						<-release
					}
					return framework.Continue, nil
				})
				cfg := quiet()
				cfg.HandlerTimeout, cfg.HangGrace = time.Second, time.Second // much for those that do not hang
				cfg.Admission.MaxSessions = 1
				g.serveConfig(t, r, cfg)
				srv := g.all[0]

				for range 3 {
					atMail.Store(true)
					deliver(t, mta, 451)
				}
				after.Store(true)
				deliver(t, mta, 250, 451)
				deliver(t, mta, 250)
				assert.Len(t, mta.Sink().Wait(t, 2), 2)
				require.Eventually(t, func() bool { return srv.Stats().AbandonedHandlers == 4 }, time.Minute, 10*time.Millisecond)
			})
		}
	}
}

// deliver sends messages in one session, one for each reply code that is expected.
func deliver(t *testing.T, mta realmta.MTA, codes ...int) {
	t.Helper()
	c := dial(t, mta)
	defer c.Close()
	for _, want := range codes {
		code, text := c.Deliver(realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(simple)})
		require.Equal(t, want, code, text)
	}
	c.Cmd("QUIT")
}
