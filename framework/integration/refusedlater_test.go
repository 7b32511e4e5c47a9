//go:build integration

package integration_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestAddedRecipientGetsTheMessageOnce adds a recipient that the client named, behind a
// server with another milter that may refuse this recipient, before or after the filter
// sees it. The server does not tell the filter of a refusal that comes after.
func TestAddedRecipientGetsTheMessageOnce(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, to, added, want string }{
		{"not named", "other@example.test", "archive@example.test", "archive@example.test other@example.test"},
		{"named", "archive@example.test", "archive@example.test", "archive@example.test"},
		{"named, spelled otherwise", "archive@example.test", `<"archive"@EXAMPLE.test>`, `archive@example.test`},
		{"refused by the other milter", "refused@example.test", "refused@example.test", "refused@example.test"},
		{"refused, in brackets", "refused@example.test", "<refused@example.test>", "refused@example.test"},
		{"an alias", "alias@example.test", "alias@example.test", "real@example.test"},
	}
	servers := realmta.Each(realmta.Config{})
	servers["postfix"] = func(t testing.TB) realmta.MTA {
		t.Helper()
		return realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
			"virtual_alias_maps": "inline:{ alias@example.test=real@example.test }",
		}})
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			adds, refuses := openGate(t, mta, "tcp"), openGate(t, mta, "unix")
			r := framework.NewRouter()
			r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
				if e.Recipient() == "refused@example.test" {
					return framework.Reject, nil
				}
				return framework.Continue, nil
			})
			refuses.serve(t, r)
			for _, order := range [][]*gate{{adds, refuses}, {refuses, adds}} {
				mta.SetFilters(t, order[0].Addr(), order[1].Addr())
				for _, tt := range tests {
					if name == "sendmail" {
						tt.want = strings.ReplaceAll(tt.want, "real@", "alias@") // it has no aliases here
					}
					serveFilter(t, adds, registers{"adds", func(r *framework.Router) func(*framework.Session) error {
						add := r.GrantAddRecipient()
						return func(s *framework.Session) error { return add.Add(s, tt.added) }
					}})
					mta.Sink().Reset()
					c := dial(t, mta)
					for _, line := range []string{"MAIL FROM:<a@example.org>", "RCPT TO:<last@example.test>", "RCPT TO:<" + tt.to + ">"} {
						code, text := c.Cmd(line)
						require.Equal(t, strings.Contains(line, "refused"), code != 250, text)
					}
					code, text := c.Data([]byte(simple))
					require.Equal(t, 250, code, text)
					mta.Sink().Await(t, realmta.ToRecipient("last@example.test"))
					var got []string
					for _, d := range mta.Sink().Delivered() {
						got = append(got, d.To...)
					}
					got = slices.DeleteFunc(got, func(to string) bool { return to == "last@example.test" })
					slices.Sort(got)
					assert.Equal(t, tt.want, strings.Join(got, " "), "%s, first over %s", tt.name, order[0].Addr().Network())
				}
			}
		})
	}
}
