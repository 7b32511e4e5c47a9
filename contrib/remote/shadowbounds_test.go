package remote_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// An edit that has no effect is none, at whatever stage a filter asks for it.
func TestShadowEditsWithoutEffect(t *testing.T) {
	t.Parallel()
	nth := framework.NthHeader
	far := serve(t, editing("far", written()["delete"].do))
	for name, do := range map[string]edits{
		"deletes fields that are not there": func(s *framework.Session, g *every) error {
			return errors.Join(g.change.Delete(s, nth("X-None", 1)), g.change.Delete(s, nth("X-Nothing", 1)))
		},
		"changes a field to what it is": func(s *framework.Session, g *every) error { return g.change.Change(s, nth("X-Twice", 1), "a") },
		"renames a field to what it is called": func(s *framework.Session, g *every) error {
			return g.rename.Rename(s, nth("X-Twice", 1), "X-Twice")
		},
		"deletes a field twice": written()["delete"].do,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := miltertest.FilterFunc("other", func(r *framework.Router) error {
				g := every{change: r.GrantChangeHeader(), rename: r.GrantRenameHeader()}
				r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
					return errors.Join(do(s, &g), written()["delete"].do(s, &g))
				})
				return nil
			})
			r, f, seen := shadowing(t, remote.Config{}, far, other)
			require.NotNil(t, miltertest.RunRouter(t, r, manyFields()).Edited)
			assert.Equal(t, remote.ShadowStats{Compared: 1}, settle(t, f, 1))
			assert.Empty(t, seen.texts())
		})
	}
}

// Of several edits of one recipient the last counts, however its address is written.
func TestShadowEditsOfOneRecipient(t *testing.T) {
	t.Parallel()
	all := written()
	adds := func(addr string) edits {
		return func(s *framework.Session, g *every) error { return g.add.Add(s, addr) }
	}
	far := editing("far", adds("<bob@EXAMPLE.net>"), all["recipient"].do, all["deleted recipient"].do)
	for want, other := range map[string]framework.Filter{
		"": editing("other", all["deleted recipient"].do, adds("<new@example.net>"), adds("new@Example.NET")),
		`+delrcpt bob@example.net "" at 0; -addrcpt bob@example.net "" at 0`: editing("other", all["deleted recipient"].do, adds("bob@example.net"), all["recipient"].do),
	} {
		r, f, seen := shadowing(t, remote.Config{}, serve(t, far), other)
		require.NotNil(t, miltertest.RunRouter(t, r, letter()).Edited)
		settle(t, f, 1)
		assert.Equal(t, want, strings.Join(seen.texts(), "\n"))
	}
}

// A filter in a dry run is compared by what it would have done, and mail stays as it came.
func TestShadowOfDryRun(t *testing.T) {
	t.Parallel()
	for name, e := range written() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for missing, far := range map[int]framework.Filter{1: editing("far", e.do), 2: editing("far")} {
				seen := new(reports)
				f := lane(t, remote.Config{Name: "shadow", Shadow: &remote.Shadow{Of: "other", Report: seen.add}}, serve(t, far))
				r := framework.NewRouter()
				r.Mount(f)
				r.Mount(editing("other", e.do, written()["top"].do), framework.DryRun())
				res := miltertest.RunRouter(t, r, manyFields())
				require.NotNil(t, res.Edited)
				assert.Equal(t, string(manyFields().Bytes()), string(res.Edited.Bytes()))
				settle(t, f, 1)
				require.Len(t, seen.all, 1)
				assert.Empty(t, seen.all[0].Extra)
				assert.Len(t, seen.all[0].Missing, missing)
				assert.Contains(t, seen.texts()[0], "-"+written()["top"].want)
			}
		})
	}
}

// A milter whose modifications a lane would refuse to make has failed.
func TestShadowOfTooManyModifications(t *testing.T) {
	t.Parallel()
	all := written()
	far := serve(t, editing("far", all["append"].do, all["top"].do))
	r, f, seen := shadowing(t, remote.Config{MaxModifications: 1}, far, passing("other"))
	require.NotNil(t, miltertest.RunRouter(t, r, letter()).Edited)
	assert.Equal(t, remote.ShadowStats{Failed: 1}, settle(t, f, 1))
	require.Len(t, seen.all, 1)
	assert.ErrorContains(t, seen.all[0].Err, "2 modifications of a message, more than the 1 of MaxModifications")
}

// A verdict on what the milter was not shown is no difference.
func TestShadowNotShown(t *testing.T) {
	t.Parallel()
	notForMessages := func(rt *framework.Route, next framework.Handler) framework.Handler {
		if rt.Stage() < framework.StageMail {
			return next
		}
		return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Continue, nil }
	}
	far := serve(t, passing("far"))
	for at := framework.StageMail; at <= framework.StageEndOfMessage; at++ {
		for name, mount := range map[string]func(r *framework.Router, shadow, other framework.Filter){
			"a condition around the shadow": func(r *framework.Router, shadow, other framework.Filter) {
				r.With(notForMessages).Mount(shadow)
				r.Mount(other)
			},
			"a shadow behind the filter": func(r *framework.Router, shadow, other framework.Filter) {
				r.Mount(other)
				r.Mount(shadow)
			},
		} {
			t.Run(fmt.Sprintf("%s at %v", name, at), func(t *testing.T) {
				t.Parallel()
				seen := new(reports)
				f := lane(t, remote.Config{Name: "shadow", Shadow: &remote.Shadow{Of: "other", Report: seen.add}}, far)
				r := framework.NewRouter()
				mount(r, f, deciding("other", at, framework.Reject))
				miltertest.RunRouter(t, r, letter())
				assert.Equal(t, remote.ShadowStats{Undecided: 1}, settle(t, f, 1))
				assert.Empty(t, seen.texts())
			})
		}
	}
}

// Whatever becomes of messages and sessions, their memory is given back: with room for little
// more than one session, all are compared.
func TestShadowGivesMemoryBack(t *testing.T) {
	t.Parallel()
	large := letter()
	large.Header = append(large.Header, mta.Field{Name: "X-Long", Value: strings.Repeat("x", 50<<10)})
	differs := letter()
	differs.Sender.Addr = "<far-add@example.org>"
	ends := miltertest.FilterFunc("ends", func(r *framework.Router) error {
		r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			if e.Sender() == "ends@example.org" {
				runtime.Goexit()
			}
			return framework.Continue, nil
		})
		return nil
	})
	seen := new(reports)
	report := func(d remote.Difference) {
		seen.add(d)
		runtime.Goexit()
	}
	far := serve(t, senderDecides("far"))
	f := lane(t, remote.Config{Name: "shadow", Shadow: &remote.Shadow{Of: "other", Report: report, MaxQueued: 48 << 10}}, far)
	r := framework.NewRouter()
	r.Mount(f)
	r.Mount(senderDecides("other"))
	r.Mount(ends)
	srv := miltertest.NewRouterServer(t, r)
	for range 10 {
		conn := srv.Dial(t)
		_, err := conn.Send(t.Context(), large)
		require.NoError(t, err)
		_, err = conn.Mail(t.Context(), "<aborted@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Abort())
		_, err = conn.Mail(t.Context(), "<ends@example.org>")
		require.Error(t, err)

		require.Eventually(t, func() bool { // the session has ended, or else there is no room
			skipped, reported := f.ShadowStats().Skipped, len(seen.texts())
			conn := srv.Dial(t)
			for range 2 { // Report ends the goroutine at the first
				_, err := conn.Send(t.Context(), differs)
				require.NoError(t, err)
			}
			require.NoError(t, conn.Close())
			if f.ShadowStats().Skipped > skipped {
				return false
			}
			require.Eventually(t, func() bool { return len(seen.texts()) > reported }, patience, tick)
			return true
		}, patience, tick)
	}
	assert.GreaterOrEqual(t, f.ShadowStats().Skipped, uint64(10), "messages that are too large")
	srv.Close(t)
}
