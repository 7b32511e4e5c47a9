package framework_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// A raw value begins directly after the colon, and a later filter sees it as it
// is delivered. If the MTA owns the space after the colon, the delivered field
// has one.
func TestRawValues(t *testing.T) {
	t.Parallel()
	without := miltertest.Postfix().Without(wire.ProtoHdrLeadSpc)
	for name, c := range map[string]struct {
		raw        string
		granted    string
		notGranted string
	}{
		"no space":   {"v", "v", " v"},
		"one space":  {" v", " v", " v"},
		"two spaces": {"  v", "  v", "  v"},
		"a tab":      {"\tv", "\tv", " \tv"},
		"folded":     {"\r\n v", "\n v", " \n v"},
		"a space":    {" ", " ", "  "},
	} {
		for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail(), without} {
			t.Run(name+" on "+p.Name, func(t *testing.T) {
				t.Parallel()
				want := c.granted
				if p.Name == without.Name {
					want = c.notGranted
				}
				r, seen := framework.NewRouter(), ""
				r.Mount(miltertest.FilterFunc("raw", func(r *framework.Router) error {
					g := allGrants(r)
					r.WantRawHeaders()
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						return framework.Continue, errors.Join(g.add.InsertRaw(s, 0, "I", c.raw), g.add.AppendRaw(s, "B", c.raw),
							g.change.ChangeRaw(s, framework.NthHeader("C", 1), c.raw))
					})
					return nil
				}))
				r.Mount(miltertest.FilterFunc("behind", func(r *framework.Router) error {
					r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
						if h.Is("C") {
							seen = h.Raw()
						}
						return nil
					})
					return nil
				}))
				res := miltertest.RunRouter(t, r, miltertest.Message("C: old\n\n"), miltertest.As(p))
				res.AssertAccepted(t)
				got := map[string]string{}
				for _, f := range res.Edited.Header {
					got[f.Name] = f.Value
				}
				added := want
				if c.raw == " " && p.Name == without.Name {
					added = " " // changing a field to an empty value would delete it
				}
				assert.Equal(t, map[string]string{"I": added, "B": added, "C": want}, got)
				if p.Name != without.Name {
					assert.Equal(t, want, seen)
				}
			})
		}
	}
}

func TestBadRawValues(t *testing.T) {
	t.Parallel()
	var errs []error
	miltertest.Run(t, atEnd(false, func(s *framework.Session, g grants) error {
		errs = []error{
			g.add.AppendRaw(s, "X", "a\x00b"), g.add.InsertRaw(s, 0, "X Y", "v"), g.add.InsertRaw(s, -2, "X", "v"),
			g.change.ChangeRaw(s, framework.NthHeader("X-A", 1), ""), g.change.ChangeRaw(s, framework.NthHeader("X-A", 1), "a\nb"),
		}
		return nil
	}), miltertest.Message(fourFields)).AssertUnmodified(t)
	for _, err := range errs {
		var bad *framework.ValueError
		assert.ErrorAs(t, err, &bad)
	}
}

// A field is changed, or added if the message has none.
func TestChangeOrAppend(t *testing.T) {
	t.Parallel()
	set := func(s *framework.Session, g grants) error {
		err := g.change.Change(s, framework.NthHeader("X-A", 1), "new")
		if errors.Is(err, framework.ErrNoHeader) {
			return g.add.Append(s, "X-A", "new")
		}
		return err
	}
	for name, keep := range map[string]bool{"the header is kept": true, "nobody is shown it": false} {
		for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
			t.Run(name+" on "+flavor.String(), func(t *testing.T) {
				t.Parallel()
				conn := miltertest.NewServer(t, atEnd(keep, set), miltertest.MTA(mta.Config{Flavor: flavor})).Dial(t)
				res := conn.Run(t, miltertest.Message("X-A: 1\nB: 2\n\n"))
				require.Equal(t, []string{"new"}, res.HeaderValues("X-A"))
				res = conn.Run(t, miltertest.Message("B: 2\n\n"))
				assert.Equal(t, []string{"new"}, res.HeaderValues("X-A"))
			})
		}
	}
}
