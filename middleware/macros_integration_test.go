//go:build integration

package middleware_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/middleware"
)

// Both servers send the macros at the requested stages, and the values remain
// to the end of the message. Limits and conditions that use macros work.
func TestMacrosOfRealServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			var mu sync.Mutex
			got := map[middleware.MacroName]string{}
			r := framework.NewRouter()
			r.Use(
				middleware.Macros(middleware.MacrosConfig{Names: names()}),
				middleware.When(middleware.All(middleware.ClientIn("127.0.0.0/8"), middleware.SenderIn("example.org"), middleware.Not(middleware.Authenticated()))),
				middleware.RateLimit(middleware.RateLimitConfig{Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: middleware.BySender()}),
			)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				mu.Lock()
				defer mu.Unlock()
				for _, name := range names() {
					got[name], _ = middleware.MacrosOf(s).Get(name)
				}
				return framework.Continue, nil
			})
			serve(t, r, mta.Listen(t, "tcp"), mta)
			client := realmta.DialSMTP(t, mta.Addr())
			client.Cmd("EHLO client.example.test")
			msg := realmta.Message{From: "ann@example.org", To: []string{"bob@example.test"}, Data: []byte("From: ann@example.org\r\n\r\nhi\r\n")}
			code, text := client.Deliver(msg)
			require.Equal(t, 250, code, text)
			code, text = client.Deliver(msg)
			assert.Equal(t, 451, code, "one message an hour")
			assert.Contains(t, text, "rate limit exceeded")
			mu.Lock()
			defer mu.Unlock()
			for _, name := range []middleware.MacroName{
				middleware.MacroQueueID, middleware.MacroMTAVersion, middleware.MacroMTAHost, middleware.MacroClientAddr, middleware.MacroClientName,
				middleware.MacroClientPort, middleware.MacroDaemonName, middleware.MacroDaemonAddr, middleware.MacroMailAddr, middleware.MacroMailMailer,
				middleware.MacroRcptAddr, middleware.MacroRcptMailer, middleware.MacroRcptHost,
			} {
				assert.NotEmpty(t, got[name], name)
			}
			assert.Equal(t, "127.0.0.1", strings.TrimPrefix(got[middleware.MacroClientAddr], "IPv6:"))
			assert.Contains(t, got[middleware.MacroMailAddr], "ann@example.org")
			assert.Contains(t, got[middleware.MacroRcptAddr], "bob@example.test")
		})
	}
}

// serve serves a router on a listener, and configures the server to use it.
func serve(t *testing.T, r *framework.Router, ln net.Listener, mta realmta.MTA) {
	t.Helper()
	realmta.Serve(t, ln, r, framework.Config{})
	mta.SetFilters(t, ln.Addr())
}
