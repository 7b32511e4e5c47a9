//go:build integration

package integration_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// A typical filter for forged results: it deletes them and inserts its own.
func TestForged(t *testing.T) {
	t.Parallel()
	servers := map[string]func(testing.TB) realmta.MTA{
		"sendmail, a field more": func(tb testing.TB) realmta.MTA {
			tb.Helper()
			return realmta.StartSendmail(tb, realmta.SendmailConfig{Rules: []string{"H?Z?X-Never: z"}})
		},
		"postfix, no v": func(tb testing.TB) realmta.MTA {
			tb.Helper()
			return realmta.StartPostfix(tb, realmta.PostfixConfig{Main: map[string]string{"milter_protocol": "4", "milter_connect_macros": "j"}})
		},
		"postfix":  realmta.Each(realmta.Config{})["postfix"],
		"sendmail": realmta.Each(realmta.Config{})["sendmail"],
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for network, data := range map[string]string{
				"tcp":  "Authentication-Results: forged\r\nFrom: a@b.test\r\nSubject: s\r\n\r\n",
				"unix": "From: a@b.test\r\nAuthentication-Results: forged\r\nSubject: s\r\nAuthentication-Results: forged too\r\n\r\n",
			} {
				g := openGate(t, mta, network)
				mta.SetFilters(t, g.Addr())
				r := framework.NewRouter()
				r.Mount(registers{"strip", func(r *framework.Router) func(*framework.Session) error {
					list, add, change := r.WantHeaders(), r.GrantAddHeader(), r.GrantChangeHeader()
					return func(s *framework.Session) error {
						for f := range list.All(s) {
							if f.Name == "Authentication-Results" {
								if err := change.Delete(s, f.Handle); err != nil {
									return err
								}
							}
						}
						return add.InsertTop(s, "Authentication-Results", "mine")
					}
				}})
				g.serve(t, r)
				mta.Sink().Reset()
				got := oneLine(delivered(t, mta, realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(data)}))
				assert.Equal(t, "- Authentication-Results:mine From:a@b.test Subject:s", got)
			}
		})
	}
}

// TestPostfixWithoutVersion uses a Postfix that does not send its version.
// Insertions and renamings between fields still work.
func TestPostfixWithoutVersion(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"2", "4", "6"} {
		t.Run("version "+protocol, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, func(tb testing.TB) realmta.MTA {
				tb.Helper()
				return realmta.StartPostfix(tb, realmta.PostfixConfig{Main: map[string]string{
					"milter_protocol": protocol, "milter_connect_macros": "j", "milter_end_of_header_macros": "",
				}})
			}, "unix")
			r := framework.NewRouter()
			r.Mount(registers{"between", func(r *framework.Router) func(*framework.Session) error {
				list, add, rename := r.WantHeaders(), r.GrantInsertHeader(), r.GrantRenameHeader()
				return func(s *framework.Session) error {
					do := errands{add.Insert(s, 1, "X", "x")}
					f, _ := list.First(s, "B")
					do.err(rename.Rename(s, f.Handle, "Y"))
					return do.first
				}
			}})
			g.serve(t, r)
			got := oneLine(delivered(t, mta, realmta.Message{
				From: "a@example.org", To: []string{"b@example.test"}, Data: []byte("A: 1\r\nB: 2\r\nC: 3\r\n\r\n"),
			}))
			assert.Equal(t, "- A:1 X:x Y:2 C:3", got)
		})
	}
}
