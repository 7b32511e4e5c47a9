package framework_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// headerEdit is one edit of a header.
type headerEdit func(s *framework.Session, g grants) error

// letters returns the names of the delivered fields.
func letters(res *miltertest.Result) string {
	var names []string
	for _, f := range res.Edited.Header {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// TestPlaces inserts, deletes and appends in each order. A place counts the
// fields as the filter sees them with its own edits, whatever else is registered
// and on both MTAs.
func TestPlaces(t *testing.T) {
	t.Parallel()
	const header = "A: 1\nB: 1\nA: 2\nC: 1\nD: 1\n\nbody\n"
	deleteA := func(s *framework.Session, g grants) error { return g.change.Delete(s, framework.NthHeader("A", 1)) }
	insert := func(above int) headerEdit {
		return func(s *framework.Session, g grants) error { return g.add.Insert(s, above, "X", "x") }
	}
	appendY := func(s *framework.Session, g grants) error { return g.add.Append(s, "Y", "y") }
	topY := func(s *framework.Session, g grants) error { return g.add.InsertTop(s, "Y", "y") }
	prependY := func(s *framework.Session, g grants) error { return g.add.Prepend(s, "Y", "y") }
	renameB := func(s *framework.Session, g grants) error {
		return g.rename.Rename(s, framework.NthHeader("B", 1), "E")
	}
	for _, tt := range []struct {
		name  string
		edits []headerEdit
		want  string
	}{
		{"delete, insert below one", []headerEdit{deleteA, insert(1)}, "B X A C D"},
		{"insert below two, delete", []headerEdit{insert(2), deleteA}, "B X A C D"},
		{"delete, insert at the top", []headerEdit{deleteA, insert(0)}, "X B A C D"},
		{"append, insert far below", []headerEdit{appendY, insert(99)}, "A B A C D Y X"},
		{"insert far below, append", []headerEdit{insert(99), appendY}, "A B A C D X Y"},
		{"append, insert right above it", []headerEdit{appendY, insert(5)}, "A B A C D X Y"},
		{"insert at the top, insert below it", []headerEdit{topY, insert(1)}, "Y X A B A C D"},
		{"prepend, insert above it", []headerEdit{prependY, insert(0)}, "X Y A B A C D"},
		{"prepend, insert below it", []headerEdit{prependY, insert(1)}, "Y X A B A C D"},
		{"rename, insert below it", []headerEdit{renameB, insert(2)}, "A E X A C D"},
	} {
		for with, mount := range company {
			for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
				t.Run(tt.name+", "+with+", on "+p.Name, func(t *testing.T) {
					t.Parallel()
					one, lanes := framework.NewRouter(), framework.NewRouter()
					mount(one, miltertest.FilterFunc("f", editor("end of message", inOrder(tt.edits))))
					mountNext := mount
					for i, edit := range tt.edits {
						if i > 0 {
							mountNext = company["alone"]
						}
						mountNext(lanes, miltertest.FilterFunc(fmt.Sprint("f", i), editor("end of message", edit)))
					}
					for name, r := range map[string]*framework.Router{"one filter": one, "a filter for each edit": lanes} {
						res := miltertest.RunRouter(t, r, miltertest.Message(header), miltertest.As(p))
						res.AssertAccepted(t)
						assert.Equal(t, tt.want, letters(res), name)
					}
				})
			}
		}
	}
}

// inOrder makes several edits.
func inOrder(edits []headerEdit) headerEdit {
	return func(s *framework.Session, g grants) error {
		var errs []error
		for _, edit := range edits {
			errs = append(errs, edit(s, g))
		}
		return errors.Join(errs...)
	}
}

// TestEditsWhoeverLooks draws messages and edits of them, and compares what is
// delivered with every kind of company with what is delivered without.
func TestEditsWhoeverLooks(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	for range 40 {
		text := drawnHeader(rnd)
		drawn, plan := drawnEdits(rnd)
		stage := []string{"mail", "end of headers", "end of message"}[rnd.IntN(3)]
		for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
			deliver := func(mount func(*framework.Router, framework.Filter)) string {
				r := framework.NewRouter()
				mount(r, miltertest.FilterFunc("f", editor(stage, drawn)))
				res := miltertest.RunRouter(t, r, miltertest.Message(text), miltertest.As(p))
				require.True(t, res.Delivered(), "%s: %s%s", plan, text, res.Logs)
				return string(res.Edited.Bytes())
			}
			want := deliver(company["alone"])
			for with, mount := range company {
				require.Equal(t, want, deliver(mount), "%s, on %s, at %s: %s of\n%s", with, p.Name, stage, plan, text)
			}
		}
	}
}

func drawnHeader(rnd *rand.Rand) string {
	var b strings.Builder
	for i := range 1 + rnd.IntN(6) {
		name := []string{"A", "a", "B", "C"}[rnd.IntN(4)]
		fmt.Fprintf(&b, "%s:%s%d\n", name, []string{"", " ", "  ", "\t"}[rnd.IntN(4)], i)
	}
	return b.String() + "\nbody\n"
}

// drawnEdits draws edits of fields that may or may not be there. A change of
// what is not there is left out.
func drawnEdits(rnd *rand.Rand) (do headerEdit, plan string) {
	var edits []headerEdit
	for i := range 1 + rnd.IntN(5) {
		n, kind := rnd.IntN(8), rnd.IntN(7)
		field := framework.NthHeader([]string{"A", "B", "C"}[rnd.IntN(3)], 1+n%2)
		name, value := fmt.Sprint("X", i), fmt.Sprint("v", i)
		plan += fmt.Sprintf(" %d:%d %v;", kind, n, field)
		edits = append(edits, func(s *framework.Session, g grants) error {
			switch kind {
			case 0:
				return g.add.Append(s, name, value)
			case 1:
				return g.add.Prepend(s, name, value)
			case 2:
				return g.add.InsertTop(s, name, value)
			case 3, 4:
				return g.add.Insert(s, n, name, value)
			default:
				return g.change.Delete(s, field)
			}
		})
	}
	return inOrder(edits), plan
}

// A value that the filter saw changes nothing, and a renamed field has a space
// after the colon, whether or not the MTA shows that space.
func TestSpaceAfterTheColon(t *testing.T) {
	t.Parallel()
	for with, mount := range company {
		for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
			t.Run(with+", on "+p.Name, func(t *testing.T) {
				t.Parallel()
				r := framework.NewRouter()
				mount(r, miltertest.FilterFunc("f", editor("end of message", func(s *framework.Session, g grants) error {
					return errors.Join(g.change.Change(s, framework.NthHeader("B", 1), "2"), g.rename.Rename(s, framework.NthHeader("C", 1), "D"))
				})))
				res := miltertest.RunRouter(t, r, miltertest.Message("A: 1\nB:2\nC:\t3\n\nbody\n"), miltertest.As(p))
				res.AssertAccepted(t)
				assert.Equal(t, "A: 1\r\nB:2\r\nD: \t3\r\n\r\nbody\r\n", string(res.Edited.Bytes()))
			})
		}
	}
}
