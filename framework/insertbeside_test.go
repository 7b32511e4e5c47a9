package framework_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestInsertBeside inserts fields above and below others. An earlier filter
// prepares the header: it renames "Old" to "New", changes "Changed", deletes
// "Gone", appends "Last" and prepends "First".
func TestInsertBeside(t *testing.T) {
	t.Parallel()
	const (
		header = "Old: 1\nSubject: s\nChanged: 1\nGone: 1\nTo: t\n\nbody\n"
		plain  = "First New Subject Changed To Last"
	)
	nth := framework.NthHeader
	above := func(name, field string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.add.InsertAbove(s, nth(field, 1), name, "v") }
	}
	below := func(name, field string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.add.InsertBelow(s, nth(field, 1), name, "v") }
	}
	remove := func(field string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.change.Delete(s, nth(field, 1)) }
	}
	rename := func(field, name string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.rename.Rename(s, nth(field, 1), name) }
	}
	for _, tt := range []struct {
		name  string
		edits []headerEdit
		want  string
	}{
		{"nothing", nil, plain},
		{"two above", []headerEdit{above("X", "Subject"), above("Y", "subject")}, "First New X Y Subject Changed To Last"},
		{"two below", []headerEdit{below("X", "Subject"), below("Y", "subject")}, "First New Subject X Y Changed To Last"},
		{"below one and above the next", []headerEdit{below("X", "Subject"), above("Y", "Changed"), below("Z", "Subject")}, "First New Subject X Z Y Changed To Last"},
		{"beside a renamed field", []headerEdit{above("X", "New"), below("Y", "New")}, "First X New Y Subject Changed To Last"},
		{"beside a changed field", []headerEdit{above("X", "Changed"), below("Y", "Changed")}, "First New Subject X Changed Y To Last"},
		{"beside an appended field", []headerEdit{above("X", "Last"), below("Y", "Last")}, "First New Subject Changed To X Last Y"},
		{"beside a prepended field", []headerEdit{above("X", "First"), below("Y", "First")}, "X First Y New Subject Changed To Last"},
		{"in the place of a field", []headerEdit{remove("Subject"), above("X", "Subject"), above("Y", "Subject")}, "First New X Y Changed To Last"},
		{"and the field is deleted later", []headerEdit{above("X", "Subject"), below("Y", "Subject"), remove("Subject")}, "First New X Y Changed To Last"},
		{"beside what the filter renames", []headerEdit{rename("Subject", "S"), above("X", "Subject"), below("Y", "Subject")}, "First New X S Y Changed To Last"},
	} {
		for stage := range stageHooks {
			for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
				t.Run(tt.name+" at "+stage+", on "+p.Name, func(t *testing.T) {
					t.Parallel()
					r := framework.NewRouter()
					r.Mount(miltertest.FilterFunc("first", editor("end of message", func(s *framework.Session, g grants) error {
						return errors.Join(g.rename.Rename(s, nth("Old", 1), "New"), g.change.Change(s, nth("Changed", 1), "2"),
							g.change.Delete(s, nth("Gone", 1)), g.add.Append(s, "Last", "1"), g.add.Prepend(s, "First", "1"))
					})))
					r.Mount(miltertest.FilterFunc("second", editor(stage, inOrder(tt.edits))))
					res := miltertest.RunRouter(t, r, miltertest.Message(header), miltertest.As(p))
					res.AssertAccepted(t)
					assert.Equal(t, tt.want, letters(res))
				})
			}
		}
	}
}

// All handles of a field name the same place: those of an event, of the kept
// header and of a number. That is so after an earlier filter deleted the field,
// too.
func TestInsertBesideAnyHandle(t *testing.T) {
	t.Parallel()
	for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
		var gone framework.HeaderHandle
		r := chain(func(r *framework.Router) error {
			change := r.GrantChangeHeader()
			r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
				if !h.Is("B") {
					return nil
				}
				gone = h.Handle()
				return change.Delete(s, gone)
			})
			return nil
		}, func(r *framework.Router) error {
			add, headers := r.GrantInsertHeader(), r.WantHeaders()
			r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
				if h.Is("C") {
					return errors.Join(add.InsertAbove(s, h.Handle(), "X1", ""), add.InsertBelow(s, h.Handle(), "Y1", ""))
				}
				return nil
			})
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				c, ok := headers.First(s, "c")
				require.True(t, ok)
				by := framework.NthHeader("C", 1)
				return framework.Continue, errors.Join(
					add.InsertAbove(s, c.Handle, "X2", ""), add.InsertAbove(s, by, "X3", ""),
					add.InsertBelow(s, by, "Y2", ""), add.InsertBelow(s, c.Handle, "Y3", ""),
					add.InsertAbove(s, gone, "Z1", ""), add.InsertBelow(s, gone, "Z2", ""))
			})
			return nil
		}, func(r *framework.Router) error { // another filter's field goes directly below
			add := r.GrantInsertHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, add.InsertBelow(s, framework.NthHeader("C", 1), "W", "")
			})
			return nil
		})
		res := miltertest.RunRouter(t, r, miltertest.Message("A: 1\nB: 1\nC: 1\nD: 1\n\nbody\n"), miltertest.As(p))
		res.AssertAccepted(t)
		assert.Equal(t, "A Z1 Z2 X1 X2 X3 C W Y1 Y2 Y3 D", letters(res), p.Name)
	}
}

// An insertion needs the header also after the filter accepted the message. If
// the header cannot be kept, the filter's policy decides.
func TestInsertAfterAccept(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]framework.LaneOption{"fail closed": nil, "fail open": {framework.FailOpen()}} {
		for _, size := range []int{3, 4} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := framework.NewRouter()
				r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
					g := allGrants(r)
					r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
						return framework.Accept, errors.Join(g.add.InsertAbove(s, framework.NthHeader("x-a", 2), "X", "x"), g.rcpt.Add(s, "<recipient@example.net>"))
					})
					return nil
				}), opts...)
				r.Mount(miltertest.FilterFunc("other", func(r *framework.Router) error {
					r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
					return nil
				}))
				res := miltertest.RunRouter(t, r, miltertest.Message(fourFields), miltertest.Configure(func(cfg *framework.Config) { cfg.MaxHeaders = size }))
				switch {
				case size == 4:
					res.AssertAccepted(t)
					assert.Equal(t, "Received X-A X-B X x-a", letters(res))
					assert.Len(t, res.Modifications, 3, "the recipient is deleted first")
				case opts == nil:
					assert.Contains(t, res.Reply(), "552 5.3.4")
				default:
					res.AssertUnmodified(t)
				}
			})
		}
	}
}
