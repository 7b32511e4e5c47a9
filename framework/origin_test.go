package framework_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// origins records the origin of each field as a filter sees it, in its header handlers and
// in the kept header.
type origins struct {
	events, kept map[string]framework.Origin
}

func (o *origins) register(r *framework.Router) error {
	o.events, o.kept = make(map[string]framework.Origin), make(map[string]framework.Origin)
	headers := r.WantHeaders()
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		o.events[h.Name()] = h.Origin()
		if h.Field().Origin != h.Origin() {
			return errors.New("the field has another origin than the event")
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for f := range headers.All(s) {
			o.kept[f.Name] = f.Origin
		}
		return framework.Continue, nil
	})
	return nil
}

// TestOrigin edits a header in one filter and looks at the origins in that filter, in the
// next one, and in one behind another editor.
func TestOrigin(t *testing.T) {
	t.Parallel()
	nth := framework.NthHeader
	mail, added := framework.Origin{}, framework.Origin{Filter: "b"}
	tests := map[string]struct {
		edit headerEdit
		name string
		want framework.Origin
	}{
		"nothing":                 {nil, "Subject", mail},
		"appended":                {func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "1") }, "X", added},
		"inserted":                {func(s *framework.Session, g grants) error { return g.add.InsertTop(s, "X", "1") }, "X", added},
		"prepended":               {func(s *framework.Session, g grants) error { return g.add.Prepend(s, "X", "1") }, "X", added},
		"at a number":             {func(s *framework.Session, g grants) error { return g.add.Insert(s, 1, "X", "1") }, "X", added},
		"above another":           {func(s *framework.Session, g grants) error { return g.add.InsertAbove(s, nth("Subject", 1), "X", "1") }, "X", added},
		"below another":           {func(s *framework.Session, g grants) error { return g.add.InsertBelow(s, nth("Subject", 1), "X", "1") }, "X", added},
		"another beside an added": {func(s *framework.Session, g grants) error { return g.add.InsertTop(s, "X", "1") }, "Subject", mail},
		"changed":                 {func(s *framework.Session, g grants) error { return g.change.Change(s, nth("Subject", 1), "1") }, "Subject", framework.Origin{Filter: "b", Changed: true}},
		"changed to the same":     {func(s *framework.Session, g grants) error { return g.change.Change(s, nth("Subject", 1), "hello") }, "Subject", mail},
		"renamed":                 {func(s *framework.Session, g grants) error { return g.rename.Rename(s, nth("Subject", 1), "X") }, "X", mail},
		"deleted and added": {func(s *framework.Session, g grants) error {
			return errors.Join(g.change.Delete(s, nth("Subject", 1)), g.add.Append(s, "Subject", "1"))
		}, "Subject", added},
		"renamed and changed then": {func(s *framework.Session, g grants) error {
			return errors.Join(g.rename.Rename(s, nth("Subject", 1), "X"), g.change.Change(s, nth("Subject", 1), "1"))
		}, "X", framework.Origin{Filter: "b", Changed: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var own, behind origins
			var edits []headerEdit
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			r := chain(func(*framework.Router) error { return nil },
				func(r *framework.Router) error {
					return errors.Join(editor("end of message", inOrder(edits))(r), own.register(r))
				}, behind.register)
			miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
			assert.Equal(t, tt.want, behind.kept[tt.name])
			assert.Equal(t, tt.want, behind.events[tt.name])
			assert.Equal(t, tt.want == added, behind.kept[tt.name].Added())
			for _, seen := range []map[string]framework.Origin{own.events, own.kept} {
				assert.Equal(t, map[string]framework.Origin{"From": mail, "Subject": mail}, seen, "a filter does not see its own edits")
			}
		})
	}
}

// TestOriginOfLastWriter changes in one filter what another one added and changed. The
// origin names the last of them, and the filter "main" for handlers of the router.
func TestOriginOfLastWriter(t *testing.T) {
	t.Parallel()
	var seen origins
	r := framework.NewRouter()
	assert.NoError(t, editor("end of message", func(s *framework.Session, g grants) error {
		return errors.Join(g.add.Append(s, "Main", "1"), g.add.Append(s, "X", "1"), g.change.Change(s, framework.NthHeader("Subject", 1), "1"),
			g.change.Change(s, framework.NthHeader("From", 1), "b@example.org"))
	})(r))
	r.Mount(miltertest.FilterFunc("second", editor("end of message", func(s *framework.Session, g grants) error {
		return errors.Join(g.change.Change(s, framework.NthHeader("X", 1), "2"), g.change.Change(s, framework.NthHeader("Subject", 1), "2"),
			g.change.Change(s, framework.NthHeader("From", 1), "a@example.org"))
	})))
	r.Mount(miltertest.FilterFunc("seen", seen.register))
	miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	assert.Equal(t, map[string]framework.Origin{
		"From": {}, "Main": {Filter: "main"}, "X": {Filter: "second"}, "Subject": {Filter: "second", Changed: true},
	}, seen.kept)
	assert.Equal(t, seen.kept, seen.events)
}

// TestOriginOfDroppedEdits checks that the edits of a dry run and of a filter that failed
// are the origin of nothing.
func TestOriginOfDroppedEdits(t *testing.T) {
	t.Parallel()
	adder := func(fails error) func(*framework.Router) error {
		return editor("end of message", func(s *framework.Session, g grants) error {
			return errors.Join(g.add.Append(s, "X", "1"), g.change.Change(s, framework.NthHeader("Subject", 1), "1"), fails)
		})
	}
	var seen origins
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("dry", adder(nil)), framework.DryRun())
	r.Mount(miltertest.FilterFunc("broken", adder(errors.New("no"))), framework.FailOpen())
	r.Mount(miltertest.FilterFunc("seen", seen.register))
	miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	assert.Equal(t, map[string]framework.Origin{"From": {}, "Subject": {}}, seen.kept)
	assert.Equal(t, seen.kept, seen.events)
}

// TestOriginWithoutKeptHeader asks for the origin where no header is kept.
func TestOriginWithoutKeptHeader(t *testing.T) {
	t.Parallel()
	var all []framework.Origin
	r := framework.NewRouter()
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		all = append(all, h.Origin())
		return nil
	})
	miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
	assert.Len(t, all, 2)
	assert.True(t, slices.Equal(all, make([]framework.Origin, 2)))
}
