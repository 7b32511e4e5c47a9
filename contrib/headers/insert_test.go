package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// places are actions and the header that they make of "Received: r", "A: 1", "B: 2",
// "a: 3" and "C: 4", where "Own" is the Received field that the MTA itself adds.
func places() map[string]string {
	return map[string]string{
		"{insert: {name: X, value: x}}":                                                      "Own X Received A B a C",
		"{insert: {name: X, value: x, top: true}}":                                           "X Own Received A B a C",
		"{insert: {name: X, value: x, top: false}}":                                          "Own X Received A B a C",
		"{insert: {name: X, value: x, top: true}}, {insert: {name: Y, value: y, top: true}}": "Y X Own Received A B a C",
		"{insert: {name: X, value: x}}, {insert: {name: Y, value: y, top: true}}":            "Y Own X Received A B a C",
		"{insert: {name: Y, value: y, top: true}}, {insert: {name: X, value: x}}":            "Y Own X Received A B a C",
		"{insert: {name: X, value: x, above: Received}}":                                     "Own X Received A B a C",
		"{insert: {name: X, value: x, above: A}}":                                            "Own Received X A B a C",
		"{insert: {name: X, value: x, below: A}}":                                            "Own Received A B a X C",
		"{insert: {name: X, value: x, above: c}}":                                            "Own Received A B a X C",
		"{insert: {name: X, value: x, below: C}}":                                            "Own Received A B a C X",
		"{insert: {name: X, value: x, above: Q}}":                                            "Own X Received A B a C",
		"{insert: {name: X, value: x, below: Q}}":                                            "Own X Received A B a C",
		"{insert: {name: X, value: x, above: B}}, {insert: {name: Y, value: y, above: B}}":   "Own Received A X Y B a C",
		"{insert: {name: X, value: x, below: B}}, {insert: {name: Y, value: y, below: B}}":   "Own Received A B Y X a C",
		"{insert: {name: X, value: x, below: B}}, {insert: {name: Y, value: y, above: X}}":   "Own Received A B Y X a C",
		"{insert: {name: X, value: x, above: B}}, {delete: B}":                               "Own Received A X a C",
		"{insert: {name: X, value: x, above: B}}, {delete: X}":                               "Own Received A B a C",
		"{insert: {name: X, value: x, above: B}}, {rename: {name: B, to: D}}":                "Own Received A X D a C",
		"{add: {name: X, value: x}}, {insert: {name: Y, value: y, below: X}}":                "Own Received A B a C X Y",
		"{add: {name: X, value: x}}, {insert: {name: Y, value: y, above: X}}":                "Own Received A B a C Y X",
		"{delete: A}, {insert: {name: X, value: x, above: A}}":                               "Own X Received B C",
		"{insert: {name: X, value: x, top: true}}, {insert: {name: Y, value: y, below: X}}":  "X Own Y Received A B a C",
	}
}

func TestInsertPlaces(t *testing.T) {
	t.Parallel()
	for do, want := range places() {
		for flavor, option := range flavors() {
			msg := miltertest.Message("Received: r\nA: 1\nB: 2\na: 3\nC: 4\n\nbody\n")
			msg.Received = &mta.Field{Name: "Own", Value: " o"}
			res := miltertest.Run(t, parsed(t, "rules: [{do: ["+do+"]}]"), msg, option)
			res.AssertAccepted(t)
			var names []string
			header, _, _ := strings.Cut(string(res.Edited.Bytes()), "\r\n\r\n")
			for line := range strings.SplitSeq(header, "\r\n") {
				name, _, _ := strings.Cut(line, ":")
				names = append(names, name)
			}
			assert.Equal(t, want, strings.Join(names, " "), "%s %s", flavor, do)
		}
	}
}

// TestInsertAboveAnotherFilters inserts a field above one that an earlier filter put above
// the Received field of the MTA.
func TestInsertAboveAnotherFilters(t *testing.T) {
	t.Parallel()
	first := miltertest.FilterFunc("first", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Prepend(s, "First", "1")
		})
		return nil
	})
	for flavor, option := range flavors() {
		r := framework.NewRouter()
		r.Mount(first)
		r.Mount(parsed(t, "rules: [{do: [{insert: {name: X, value: x, above: First}}, {insert: {name: Y, value: y, above: A}}]}]"))
		msg := miltertest.Message("A: 1\n\nbody\n")
		msg.Received = &mta.Field{Name: "Own", Value: " o"}
		res := miltertest.RunRouter(t, r, msg, option)
		res.AssertAccepted(t)
		assert.Regexp(t, "^X: ?x\r\nFirst: ?1\r\nOwn: o\r\nY: ?y\r\nA: ?1\r\n", string(res.Edited.Bytes()), flavor)
	}
}

// TestInsertWithoutHeader inserts fields into a message that has none.
func TestInsertWithoutHeader(t *testing.T) {
	t.Parallel()
	for flavor, option := range flavors() {
		filter := parsed(t, "rules: [{do: [{insert: {name: X, value: x, top: true}}, {add: {name: Y, value: y}}, {insert: {name: Z, value: z, below: Q}}]}]")
		res := miltertest.Run(t, filter, miltertest.Message("\nbody\n"), option)
		assert.Equal(t, "X: x\nZ: z\nY: y\n", headerOf(res), flavor)
	}
}

func TestInsertMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"above: A, below: B":  "x.yaml:2:54: rule 1: Insert: Below: above and below cannot both be set; choose one",
		"top: true, above: A": "x.yaml:2:42: rule 1: Insert: Top: top cannot be set with above or below; choose one",
		"above: a b":          "x.yaml:2:44: rule 1: Insert: Above: ",
		"below: 5":            "x.yaml:2:44: want a text",
		"top: 1":              "x.yaml:2:42: want true or false",
	} {
		cfg, err := headers.Parse("x.yaml", []byte("rules:\n- do: [{insert: {name: X, value: x, "+text+"}}]\n"))
		if err == nil {
			_, err = headers.New(cfg)
		}
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}

// TestInsertBesideNeedsMore reloads rules that insert beside a field.
func TestInsertBesideNeedsMore(t *testing.T) {
	t.Parallel()
	rules := func(insert headers.Insert) headers.Config {
		return headers.Config{Rules: []headers.Rule{{Do: []headers.Action{insert, headers.Delete{Name: "Y"}}}}}
	}
	f, err := headers.NewReloadable(rules(headers.Insert{Name: "X", Value: "x"}))
	require.NoError(t, err)
	require.NoError(t, f.Reload(rules(headers.Insert{Name: "X", Value: "x", Top: true})))
	err = f.Reload(rules(headers.Insert{Name: "X", Value: "x", Below: "A"}))
	require.ErrorIs(t, err, headers.ErrNeedsMore)
	assert.ErrorContains(t, err, "permission to insert fields beside others")
	beside, err := headers.NewReloadable(rules(headers.Insert{Name: "X", Value: "x", Below: "A"}))
	require.NoError(t, err)
	require.NoError(t, beside.Reload(rules(headers.Insert{Name: "X", Value: "x"})))
	var _ framework.Filter = beside
}
