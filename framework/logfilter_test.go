package framework_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A filter in a dry run refuses nothing, and a client cannot fill the log with what it
// would refuse.
func TestDryRunLines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mount func(r *framework.Router)
		lines int
	}{
		"lane, recipients": {func(r *framework.Router) {
			r.Mount(miltertest.FilterFunc("trial", func(r *framework.Router) error {
				r.OnRcpt(says[*framework.Rcpt](framework.Reject))
				return nil
			}), framework.DryRun())
		}, 20},
		"route, recipients": {func(r *framework.Router) {
			r.With(onTrial).Mount(miltertest.FilterFunc("trial", func(r *framework.Router) error {
				r.OnRcpt(says[*framework.Rcpt](framework.Reject))
				return nil
			}))
		}, 20},
		"route, modifications": {func(r *framework.Router) {
			r.With(onTrial).Mount(miltertest.FilterFunc("trial", func(r *framework.Router) error {
				add := r.GrantAddHeader()
				r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
					return framework.Continue, add.Append(s, "X-A", strings.Repeat("a", 1000))
				})
				return nil
			}))
		}, 20},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			c.mount(r)
			srv := miltertest.NewRouterServer(t, r)
			conn := srv.Dial(t)
			for range 2 {
				conn.Run(t, miltertest.Message("A: b\n\nbody\n", miltertest.To(addresses(300)...)))
			}
			require.NoError(t, conn.Quit(t.Context()))
			srv.Close(t)
			lines := linesFrom(srv.Logs(), slog.LevelInfo)
			require.Len(t, lines, 2*(c.lines+1))
			assert.Equal(t, "INFO dry run: further lines filter=trial suppressed=280", lines[c.lines])
			assert.Equal(t, lines[c.lines], lines[2*c.lines+1])
			for _, line := range lines {
				assert.Less(t, len(line), 400)
			}
		})
	}
}

// Without a log at level INFO nothing is written, and with one at level DEBUG each
// modification is, but not its whole value.
func TestModificationLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("v", 300)
	cut := strings.Repeat("v", 256) + "… and 44 bytes more"
	r := framework.NewRouter()
	add, insert := r.GrantAddHeader(), r.GrantInsertHeader()
	change, rename := r.GrantChangeHeader(), r.GrantRenameHeader()
	addRcpt, delRcpt, from := r.GrantAddRecipient(), r.GrantDeleteRecipient(), r.GrantChangeSender()
	body, quarantine, kept := r.GrantReplaceBody(), r.GrantQuarantine(), r.WantHeaders()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		nth := func(name string) framework.HeaderHandle {
			for f := range kept.All(s) {
				if f.Is(name) {
					return f.Handle
				}
			}
			return framework.HeaderHandle{}
		}
		return framework.Continue, errors.Join(
			add.Append(s, "X-New", long), insert.Insert(s, 0, "X-Top", "top"),
			change.Change(s, nth("Subject"), "changed"), change.Delete(s, nth("X-Old")), rename.Rename(s, nth("X-From"), "X-To"),
			addRcpt.Add(s, "<new@example.net>"), delRcpt.Delete(s, "<recipient@example.net>"), from.Change(s, "<bounce@example.org>"),
			body.Replace(s, []byte("new body\r\n")), quarantine.Quarantine(s, "held"),
		)
	})
	want := []string{
		"DEBUG modification filter=main kind=addheader name=X-New value=" + cut,
		"DEBUG modification filter=main kind=insheader name=X-Top value=top",
		"DEBUG modification filter=main kind=chgheader name=Subject value=changed",
		"DEBUG modification filter=main kind=delheader name=X-Old",
		"DEBUG modification filter=main kind=renheader field=X-From name=X-To",
		"DEBUG modification filter=main kind=addrcpt name=<new@example.net>",
		"DEBUG modification filter=main kind=delrcpt name=<recipient@example.net>",
		"DEBUG modification filter=main kind=chgfrom name=<bounce@example.org>",
		"DEBUG modification filter=main kind=replacebody bytes=10",
		"DEBUG modification filter=main kind=quarantine value=held",
	}
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: s\nX-Old: o\nX-From: f\n\nbody\n"))
	res.AssertAccepted(t)
	var got []string
	for _, line := range linesFrom(res.Logs, slog.LevelDebug) {
		if strings.Contains(line, "modification") {
			got = append(got, line)
		}
	}
	assert.Equal(t, want, got)
}

// A message with thousands of modifications has a few lines of them.
func TestManyModificationLines(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for range 1000 {
			if err := add.Append(s, "X-A", "b"); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
	res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nbody\n"))
	res.AssertAccepted(t)
	text := res.Logs.String()
	assert.Equal(t, 20, strings.Count(text, "DEBUG modification "), text)
	assert.Regexp(t, "DEBUG further modifications .*suppressed=980", text)
}
