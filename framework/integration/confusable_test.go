//go:build integration

package integration_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestSendmailByItsMacros uses a Sendmail whose administrator has chosen the macros of
// CONNECT and of DATA, so that its lists look like those of Postfix. Fields are appended
// below the others, and a slow handler at DATA sends no progress, so that Sendmail does not
// drop the filter.
func TestSendmailByItsMacros(t *testing.T) {
	t.Parallel()
	const connect, data = "define(`confMILTER_MACROS_CONNECT', `", "define(`confMILTER_MACROS_DATA', `i')"
	for name, mc := range map[string][]string{
		"no interface":          {connect + "j, _')"},
		"no interface, DATA":    {connect + "j, _')", data},
		"address of the daemon": {connect + "j, _, {daemon_addr}')", data},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, func(tb testing.TB) realmta.MTA {
				tb.Helper()
				return realmta.StartSendmail(tb, realmta.SendmailConfig{MC: mc})
			}, "tcp")
			r := framework.NewRouter()
			r.Mount(registers{"f", func(r *framework.Router) func(*framework.Session) error {
				add := r.GrantAddHeader()
				r.WantMacro(framework.StageData, "i")
				return func(s *framework.Session) error { return add.Append(s, "A", "appended") }
			}})
			g.serve(t, r)
			letter := realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte("A: 1\r\nB: 2\r\nC: 3\r\n\r\n")}
			assert.Equal(t, "- A:1 B:2 C:3 A:appended", oneLine(delivered(t, mta, letter)))

			cfg := quiet()
			cfg.ProgressInterval = 100 * time.Millisecond
			r = framework.NewRouter()
			r.WantMacro(framework.StageData, "i")
			r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
				time.Sleep(500 * time.Millisecond)
				return framework.Reject, nil
			})
			g.serveConfig(t, r, cfg)
			code, text := dial(t, mta).Deliver(letter)
			assert.Equal(t, 550, code, text)
		})
	}
}
