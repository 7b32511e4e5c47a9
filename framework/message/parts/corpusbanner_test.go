package parts_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCorpusBanner adds a banner to each mail, at the top and at the bottom. The golden file
// says what was done to which part, and in which parts the reader of the standard library
// then finds the banner. The rest of the mail must stay as it is.
func TestCorpusBanner(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, m := range corpusMails(t) {
		top, bottom := bannerOutcome(t, m, banner.Top), bannerOutcome(t, m, banner.Bottom)
		_, _ = fmt.Fprintf(&table, "%s: %s\n", m.name, top)
		if bottom != top {
			_, _ = fmt.Fprintf(&table, "%s, at the bottom: %s\n", m.name, bottom)
		}
	}
	const golden = "testdata/banner.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(table.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), table.String())
}

// bannerOutcome adds a banner to a mail, and says what came of it.
func bannerOutcome(t *testing.T, m corpusMail, place banner.Place) string {
	t.Helper()
	plan, err := m.plan(corpusBanner(t, place, false))
	if err != nil {
		return err.Error()
	}
	changed := m.apply(t, plan)
	if !plan.Changes() {
		assert.Equal(t, m, changed, m.name)
		return addedOutcome(t, m, place)
	}
	checkRest(t, m, changed, plan)
	before, after := readIndependently(m), readIndependently(changed)
	seen, others := after.with(bannerWords)
	checkLeaves(t, m.name, before, after, others)
	var list []string
	for _, o := range plan.Parts() {
		list = append(list, fmt.Sprintf("%s in %q", o.Variant, o.Path))
	}
	return outcome(strings.Join(list, ", "), seen, after.err)
}

func outcome(done string, seen []string, err error) string {
	text := fmt.Sprintf("%s; seen in %s", done, strings.Join(seen, ", "))
	if err != nil {
		text += "; the reader fails"
	}
	return text
}

// checkLeaves checks that a reader finds the same leaves as before, with the same text but
// for those with the banner.
func checkLeaves(t *testing.T, name string, before, after *independentReader, others []readLeaf) {
	t.Helper()
	assert.Equal(t, before.err == nil, after.err == nil, name)
	require.Len(t, after.leaves, len(before.leaves), name)
	for i, l := range before.leaves {
		assert.Equal(t, l.path, after.leaves[i].path, name)
		assert.Equal(t, l.kind, after.leaves[i].kind, name)
	}
	for _, l := range others {
		assert.Contains(t, before.leaves, l, name)
	}
}

// addedOutcome adds the banner as a part to a mail that has no text to put it in.
func addedOutcome(t *testing.T, m corpusMail, place banner.Place) string {
	t.Helper()
	plan, err := m.plan(corpusBanner(t, place, true))
	if err != nil {
		return "no text; " + err.Error()
	}
	changed := m.apply(t, plan)
	before, after := readIndependently(m), readIndependently(changed)
	seen, others := after.with(bannerWords)
	require.Len(t, seen, 1, m.name)
	if len(before.leaves) > 0 { // a multipart without a part has none, and becomes a text
		require.Len(t, others, len(before.leaves), m.name)
	}
	for i, l := range before.leaves {
		assert.Equal(t, l.kind, others[i].kind, m.name)
		assert.Equal(t, l.text, others[i].text, m.name)
	}
	edge := after.leaves[0]
	if place == banner.Bottom {
		edge = after.leaves[len(after.leaves)-1]
	}
	assert.Contains(t, edge.text, bannerWords, m.name)
	return "no text; a part was added"
}

// walkMail walks over a mail as it is.
func walkMail(t testing.TB, m corpusMail) []*told {
	t.Helper()
	c := newCollector(parts.Limits{})
	c.start(m.header)
	_, err := c.Write([]byte(m.body))
	require.NoError(t, err)
	return c.finish(t)
}

// checkRest checks that the walker finds the same parts and no new flaws, and that every
// byte that is not in the content of a part with the banner is as it was: those of other
// parts, and of headers, boundaries, preambles and epilogues.
func checkRest(t testing.TB, before, after corpusMail, plan *banner.Plan) {
	t.Helper()
	with := make(map[string]bool)
	for _, o := range plan.Parts() {
		with[o.Path] = true
	}
	old, now := walkMail(t, before), walkMail(t, after)
	require.Len(t, now, len(old), before.name)
	oldEnd, nowEnd := int64(0), int64(0)
	for i, p := range old {
		q := now[i]
		require.Equal(t, p.path, q.path, before.name)
		assert.Equal(t, p.kind, q.kind, before.name)
		assert.Equal(t, p.names, q.names, before.name)
		assert.Zero(t, q.flaws&^p.flaws, "%s: new flaws", before.name)
		if with[p.path] {
			assert.Equal(t, before.body[oldEnd:p.content], after.body[nowEnd:q.content], before.name)
			assert.NotEqual(t, p.text, q.text, before.name)
			if oldEnd, nowEnd = p.end, q.end; p.text == "" {
				oldEnd, nowEnd = p.next, q.next // a line break before the delimiter was added
			}
		} else {
			assert.Equal(t, p.text, q.text, before.name)
		}
	}
	assert.Equal(t, before.body[oldEnd:], after.body[nowEnd:], before.name)
}
