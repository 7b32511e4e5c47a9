//go:build integration

package integration_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestPostfixByAnotherName uses a Postfix that does not call itself Postfix, or
// calls itself Sendmail. Everything works as with its usual name: insertions and
// renamings between fields, many edits, and progress reports from CONNECT on.
func TestPostfixByAnotherName(t *testing.T) {
	t.Parallel()
	names := map[string]map[string]string{
		"mail_name":         {"mail_name": "Postcow"},
		"name of Sendmail":  {"milter_macro_v": "8.18.1"},
		"name in version 2": {"mail_name": "Postcow", "milter_protocol": "2"},
	}
	for name, main := range names {
		for _, network := range networks() {
			t.Run(name+" over "+network, func(t *testing.T) {
				t.Parallel()
				params := map[string]string{"milter_command_timeout": seconds(patience)}
				maps.Copy(params, main)
				mta, g := behind(t, func(tb testing.TB) realmta.MTA {
					tb.Helper()
					return realmta.StartPostfix(tb, realmta.PostfixConfig{Main: params})
				}, network)
				for what, edit := range namedEdits() {
					r := framework.NewRouter()
					r.Mount(registers{"edits", edit.register})
					g.serve(t, r)
					got := oneLine(delivered(t, mta, realmta.Message{
						From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(edit.data),
					}))
					assert.Equal(t, edit.want, strings.TrimSuffix(got, " "), what)
					mta.Sink().Reset()
				}
				cfg := quiet()
				cfg.ProgressInterval = 200 * time.Millisecond
				g.serveConfig(t, lingering(patience+time.Second/2), cfg)
				code, text := dial(t, mta).Deliver(realmta.Message{
					From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(simple),
				})
				assert.Equal(t, 250, code, text)
			})
		}
	}
}

func seconds(d time.Duration) string { return d.Truncate(time.Second).String() }

// namedEdit is a filter that edits the header, a message, and the header that
// arrives.
type namedEdit struct {
	register   func(*framework.Router) func(*framework.Session) error
	data, want string
}

func namedEdits() map[string]namedEdit {
	const four, many = "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", 300
	return map[string]namedEdit{
		"appended, the header not shown": {func(r *framework.Router) func(*framework.Session) error {
			add := r.GrantAddHeader()
			return func(s *framework.Session) error { return add.Append(s, "X", "x") }
		}, four, "- A:1 B:2 C:3 D:4 X:x"},
		"inserted": {func(r *framework.Router) func(*framework.Session) error {
			add := r.GrantInsertHeader()
			return func(s *framework.Session) error { return add.Insert(s, 2, "X", "x") }
		}, four, "- A:1 B:2 X:x C:3 D:4"},
		"inserted, with macros of CONNECT": {func(r *framework.Router) func(*framework.Session) error {
			add := r.GrantInsertHeader()
			r.WantMacro(framework.StageConnect, "client_addr")
			return func(s *framework.Session) error { return add.Insert(s, 2, "X", "x") }
		}, four, "- A:1 B:2 X:x C:3 D:4"},
		"renamed": {func(r *framework.Router) func(*framework.Session) error {
			headers, rename := r.WantHeaders(), r.GrantRenameHeader()
			return func(s *framework.Session) error {
				f, _ := headers.First(s, "B")
				return rename.Rename(s, f.Handle, "B-Old")
			}
		}, four, "- A:1 B-Old:2 C:3 D:4"},
		"many": {func(r *framework.Router) func(*framework.Session) error {
			headers, add, change := r.WantHeaders(), r.GrantInsertHeader(), r.GrantChangeHeader()
			return func(s *framework.Session) (err error) {
				above := 0
				for f := range headers.All(s) {
					err = errors.Join(err, change.Change(s, f.Handle, "new"), add.Insert(s, above, "X", "x"))
					above += 2
				}
				return err
			}
		}, strings.Repeat("A: 1\r\n", many) + "\r\n", "- " + strings.TrimSuffix(strings.Repeat("X:x A:new ", many), " ")},
	}
}

// lingering has handlers at CONNECT and at RCPT that take some time.
func lingering(work time.Duration) *framework.Router {
	r := framework.NewRouter()
	linger := func(s *framework.Session) (framework.Verdict, error) {
		select {
		case <-time.After(work):
			return framework.Continue, nil
		case <-s.Context().Done():
			return framework.Reject, nil
		}
	}
	r.OnConnect(func(s *framework.Session, _ *framework.Connect) (framework.Verdict, error) { return linger(s) })
	r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) { return linger(s) })
	return r
}
