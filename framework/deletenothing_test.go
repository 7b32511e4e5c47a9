package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// stageHooks registers a function for one stage of a message.
var stageHooks = map[string]func(r *framework.Router, do func(*framework.Session) error){
	"mail": func(r *framework.Router, do func(*framework.Session) error) {
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return do(s) })
	},
	"data": func(r *framework.Router, do func(*framework.Session) error) {
		r.ObserveData(func(s *framework.Session, _ *framework.Data) error { return do(s) })
	},
	"end of headers": func(r *framework.Router, do func(*framework.Session) error) {
		r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error { return do(s) })
	},
	"end of message": func(r *framework.Router, do func(*framework.Session) error) {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, do(s)
		})
	},
}

// editor is a filter with one grant of every kind that acts at one stage.
func editor(stage string, do func(s *framework.Session, g grants) error) func(r *framework.Router) error {
	return func(r *framework.Router) error {
		g := allGrants(r)
		stageHooks[stage](r, func(s *framework.Session) error { return do(s, g) })
		return nil
	}
}

// company lists what may be registered beside a filter without an effect on its
// edits: each function mounts it on a router.
var company = map[string]func(r *framework.Router, filter framework.Filter){
	"alone":        func(r *framework.Router, f framework.Filter) { r.Mount(f) },
	"fail open":    func(r *framework.Router, f framework.Filter) { r.Mount(f, framework.FailOpen()) },
	"WantHeaders":  besides(func(r *framework.Router) { r.WantHeaders(); r.OnEndOfMessage(goesOn) }),
	"WantBody":     besides(func(r *framework.Router) { r.WantBody(); r.OnEndOfMessage(goesOn) }),
	"WantEnvelope": besides(func(r *framework.Router) { r.WantEnvelope(); r.OnEndOfMessage(goesOn) }),
	"WantMessage":  besides(func(r *framework.Router) { r.WantMessage(); r.OnEndOfMessage(goesOn) }),
	"raw headers":  besides(func(r *framework.Router) { r.WantRawHeaders() }),
	"ObserveHeader": besides(func(r *framework.Router) {
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	}),
	"OnHeader and OnBody": besides(func(r *framework.Router) { r.OnHeader(goesOn); r.OnBody(goesOn) }),
	"between filters with grants": func(r *framework.Router, f framework.Filter) {
		for _, name := range []string{"before", "behind"} {
			if name == "behind" {
				r.Mount(f)
			}
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error { allGrants(r); return nil }))
		}
	},
	"behind edits on trial": func(r *framework.Router, f framework.Filter) {
		r.Mount(miltertest.FilterFunc("trial", editor("end of message", wreck)), framework.DryRun())
		r.Mount(f)
	},
	"behind edits that fail": func(r *framework.Router, f framework.Filter) {
		r.Mount(miltertest.FilterFunc("failing", func(r *framework.Router) error {
			g := allGrants(r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, assertFails(wreck(s, g))
			})
			return nil
		}), framework.FailOpen())
		r.Mount(f)
	},
	"behind one that accepts": func(r *framework.Router, f framework.Filter) {
		r.Mount(miltertest.FilterFunc("accepting", func(r *framework.Router) error {
			allGrants(r)
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Accept, nil })
			return nil
		}))
		r.Mount(f)
	},
}

// besides mounts the filter before another one that looks at the message.
func besides(watch func(r *framework.Router)) func(r *framework.Router, filter framework.Filter) {
	return func(r *framework.Router, filter framework.Filter) {
		r.Mount(filter)
		r.Mount(miltertest.FilterFunc("watching", func(r *framework.Router) error { watch(r); return nil }))
	}
}

// wreck deletes and adds fields.
func wreck(s *framework.Session, g grants) error {
	if err := g.change.Delete(s, framework.NthHeader("A", 1)); err != nil {
		return err
	}
	return g.add.InsertTop(s, "Wreck", "1")
}

// assertFails returns an error, and panics with err if there is one.
func assertFails(err error) error {
	if err != nil {
		panic(err)
	}
	return framework.ErrNoMessage
}

// A deletion of what is not there is no error: at any stage, whatever else is
// registered, on both MTAs.
func TestDeleteNothing(t *testing.T) {
	t.Parallel()
	nth := framework.NthHeader
	twice := func(s *framework.Session, g grants) error {
		if err := g.change.Delete(s, nth("X-B", 1)); err != nil {
			return err
		}
		return g.change.Delete(s, nth("x-b", 1))
	}
	for name, tt := range map[string]struct {
		do   func(s *framework.Session, g grants) error
		left int // fields X-B
	}{
		"no such name":   {func(s *framework.Session, g grants) error { return g.change.Delete(s, nth("Z", 1)) }, 1},
		"no such number": {func(s *framework.Session, g grants) error { return g.change.Delete(s, nth("X-A", 3)) }, 1},
		"twice":          {twice, 0},
	} {
		for stage := range stageHooks {
			for with, mount := range company {
				for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
					t.Run(name+" at "+stage+", "+with+", on "+p.Name, func(t *testing.T) {
						t.Parallel()
						r := framework.NewRouter()
						mount(r, miltertest.FilterFunc("f", editor(stage, tt.do)))
						res := miltertest.RunRouter(t, r, miltertest.Message(fourFields), miltertest.As(p))
						res.AssertAccepted(t)
						assert.Len(t, res.HeaderValues("X-B"), tt.left)
						assert.Len(t, res.Modifications, 1-tt.left)
					})
				}
			}
		}
	}
}

// A filter may delete a field that a filter before it deleted, by any handle.
func TestDeleteOfTheDeleted(t *testing.T) {
	t.Parallel()
	for stage, handle := range map[string]string{"mail": "number", "data": "number", "end of message": "handle"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			var known framework.HeaderHandle
			r := framework.NewRouter()
			r.Mount(miltertest.FilterFunc("first", func(r *framework.Router) error {
				change := r.GrantChangeHeader()
				r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
					if !h.Is("X-B") {
						return nil
					}
					known = h.Handle()
					return change.Delete(s, known)
				})
				return nil
			}))
			r.Mount(miltertest.FilterFunc("second", editor(stage, func(s *framework.Session, g grants) error {
				if handle == "number" {
					return g.change.Delete(s, framework.NthHeader("X-B", 1))
				}
				require.ErrorIs(t, g.change.Change(s, known, "v"), framework.ErrNoHeader)
				require.ErrorIs(t, g.rename.Rename(s, known, "X-C"), framework.ErrNoHeader)
				return g.change.Delete(s, known)
			})))
			res := miltertest.RunRouter(t, r, miltertest.Message(fourFields))
			res.AssertAccepted(t)
			assert.Len(t, res.Modifications, 1)
			assert.Empty(t, res.HeaderValues("X-B"))
		})
	}
}

// The error for a change of a field that is not there is the same whatever else
// is registered. Before the end of the message, the filter fails with it at the
// end.
func TestChangeNothing(t *testing.T) {
	t.Parallel()
	deleted := func(change func(s *framework.Session, g grants) error) func(s *framework.Session, g grants) error {
		return func(s *framework.Session, g grants) error {
			if err := g.change.Delete(s, framework.NthHeader("X-B", 1)); err != nil {
				return err
			}
			return change(s, g)
		}
	}
	change := func(name string) func(s *framework.Session, g grants) error {
		return func(s *framework.Session, g grants) error {
			return g.change.Change(s, framework.NthHeader(name, 1), "v")
		}
	}
	rename := func(name string) func(s *framework.Session, g grants) error {
		return func(s *framework.Session, g grants) error {
			return g.rename.Rename(s, framework.NthHeader(name, 1), "Y")
		}
	}
	above := func(s *framework.Session, g grants) error {
		return g.add.InsertAbove(s, framework.NthHeader("Z", 1), "Y", "v")
	}
	for name, do := range map[string]func(s *framework.Session, g grants) error{
		"change": change("Z"), "rename": rename("Z"), "insert above": above,
		"change of what is deleted": deleted(change("x-b")), "rename of what is deleted": deleted(rename("X-B")),
	} {
		for stage := range stageHooks {
			for with, mount := range company {
				t.Run(name+" at "+stage+", "+with, func(t *testing.T) {
					t.Parallel()
					var called error
					r := framework.NewRouter()
					mount(r, miltertest.FilterFunc("f", editor(stage, func(s *framework.Session, g grants) error {
						called = do(s, g)
						return called
					})))
					res := miltertest.RunRouter(t, r, miltertest.Message(fourFields))
					assert.Contains(t, res.Logs.String(), framework.ErrNoHeader.Error())
					if stage == "end of message" {
						require.ErrorIs(t, called, framework.ErrNoHeader)
					}
					if with == "fail open" {
						res.AssertAccepted(t)
						assert.Empty(t, res.Modifications)
						return
					}
					// If the other filter failed before, the next attempt may find the field.
					if with == "behind edits that fail" && (called == nil || stage == "end of message") {
						res.AssertTempFailed(t)
						return
					}
					res.AssertRejected(t)
				})
			}
		}
	}
}
