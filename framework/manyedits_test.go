package framework_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// manyEdits is the maximum number of insertions, changes and renames in a
// message.
const manyEdits = 5000

// manyFields returns a message with one field more than manyEdits.
func manyFields() *mta.Message {
	return miltertest.Message(strings.Repeat("A: b\n", manyEdits+1) + "\nbody\n")
}

// Postfix loses a message if too many fields are inserted, changed or renamed.
// The call that exceeds the limit returns an error. The earlier modifications
// are applied.
func TestTooManyEdits(t *testing.T) {
	t.Parallel()
	insert := func(s *framework.Session, g grants, _ framework.HeaderHandle) error {
		return g.add.InsertTop(s, "X", "y")
	}
	change := func(s *framework.Session, g grants, h framework.HeaderHandle) error {
		return g.change.Change(s, h, "c")
	}
	rename := func(s *framework.Session, g grants, h framework.HeaderHandle) error {
		return g.rename.Rename(s, h, "R")
	}
	appends := func(s *framework.Session, g grants, _ framework.HeaderHandle) error { return g.add.Append(s, "X", "y") }
	deletes := func(s *framework.Session, g grants, h framework.HeaderHandle) error { return g.change.Delete(s, h) }
	for name, c := range map[string]struct {
		edit    func(s *framework.Session, g grants, h framework.HeaderHandle) error
		refused int
	}{
		"insertions": {insert, 1}, "changes": {change, 1}, "new names": {rename, 1}, "appended": {appends, 0}, "deletions": {deletes, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := 0
			filter := miltertest.FilterFunc("many", func(r *framework.Router) error {
				g, headers := allGrants(r), r.WantHeaders()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					for f := range headers.All(s) {
						if err := c.edit(s, g, f.Handle); errors.Is(err, framework.ErrTooManyEdits) {
							refused++
						} else if err != nil {
							return framework.Continue, err
						}
					}
					return framework.Continue, nil
				})
				return nil
			})
			conn := miltertest.NewServer(t, filter).Dial(t)
			res := conn.Run(t, manyFields())
			res.AssertAccepted(t)
			assert.Equal(t, c.refused, refused)
			assert.GreaterOrEqual(t, len(res.Modifications), manyEdits)
			conn.Run(t, miltertest.Message("A: b\n\n")).AssertAccepted(t)
			assert.Equal(t, c.refused, refused, "the next message may have as many")
		})
	}
}

// The filters of a message share the limit. A dry-run filter does not use it.
func TestTooManyEditsOfSeveralFilters(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	errs := make([]error, 3)
	for i, opts := range [][]framework.LaneOption{{framework.DryRun()}, nil, nil} {
		r.Mount(miltertest.FilterFunc("filter "+strconv.Itoa(i), func(r *framework.Router) error {
			add := r.GrantAddHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				for range manyEdits/2 + 1 {
					errs[i] = errors.Join(errs[i], add.InsertTop(s, "X", "y"))
				}
				return framework.Continue, nil
			})
			return nil
		}), opts...)
	}
	res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n"))
	res.AssertAccepted(t)
	assert.Len(t, res.Modifications, manyEdits)
	require.NoError(t, errors.Join(errs[0], errs[1]))
	require.ErrorIs(t, errs[2], framework.ErrTooManyEdits)
}

// onTrial makes a handler a dry run.
func onTrial(rt *framework.Route, next framework.Handler) framework.Handler {
	rt.DryRun()
	return next
}

// A field that a dry-run handler deleted exists for the next handler.
func TestDeletedOnTrial(t *testing.T) {
	t.Parallel()
	filter := miltertest.FilterFunc("trial", func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.ObserveHeader(func(s *framework.Session, h *framework.Header) error { return change.Change(s, h.Handle(), "first") })
		r.With(onTrial).ObserveHeader(func(s *framework.Session, h *framework.Header) error {
			return change.Delete(s, h.Handle())
		})
		r.ObserveHeader(func(s *framework.Session, h *framework.Header) error { return change.Change(s, h.Handle(), "last") })
		return nil
	})
	res := miltertest.Run(t, filter, miltertest.Message("A: 1\nA: 2\n\n"))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"last", "last"}, res.HeaderValues("A"))
}

// BenchmarkDeleteAll deletes every field of a large header.
func BenchmarkDeleteAll(b *testing.B) {
	r := framework.NewRouter()
	change := r.GrantChangeHeader()
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error { return change.Delete(s, h.Handle()) })
	benchmark(b, r, everything(9000, 2048), 0)
}
