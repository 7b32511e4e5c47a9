package banner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// FuzzBanner adds a banner to any message. It checks that the parts are the same ones
// after that, with the same boundaries and flaws, that no content but that of the parts
// with the banner has changed, and that a reader of the standard library finds the banner.
func FuzzBanner(f *testing.F) {
	for _, c := range contentTests() {
		f.Add("MIME-Version: 1.0\n"+c.header+"\n"+c.content, true)
		f.Add("MIME-Version: 1.0\n"+c.header+"\n"+c.content, false)
	}
	files, err := filepath.Glob("../testdata/corpus/*")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for i, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(strings.ReplaceAll(string(text), "\n", "\r\n"), i%2 == 0)
		f.Add(string(text), i%2 == 1)
	}
	f.Add("MIME-Version: 1.0\n"+multipart("mixed", "b", multipart("alternative", "c", plain, page), file, plain), true)
	f.Add("MIME-Version: 1.0\n"+multipart("mixed", "-", "Content-Type: text/html\n\n<body>---"), true)
	f.Fuzz(func(t *testing.T, text string, top bool) {
		m := divideBytes(text)
		config := banner.Config{Text: "----\n10 € from outside\n--b\n---", Fallback: "--\nfrom outside", Place: banner.Bottom}
		if top {
			config.Place = banner.Top
		}
		b, err := banner.New(config)
		require.NoError(t, err)
		plan, err := b.Plan(m.message())
		if err != nil {
			require.True(t, banner.Refused(err), err)
			return
		}
		changed := m.apply(t, plan)
		if !plan.Changes() {
			require.Equal(t, m, changed)
			return
		}
		checkStructure(t, m, changed, plan)
		checkBanner(t, m, changed, plan)
	})
}

// seen is what a walker says about the parts of a mail.
type seen struct {
	list    []*parts.Part
	content map[string]string // by path, of leaves
	outside string            // all that is not content
}

// walk walks over a mail.
func (m mail) walk(t testing.TB) (s seen) {
	t.Helper()
	s.content = make(map[string]string)
	w := parts.NewWalker(parts.Limits{}, parts.Handler{
		Begin: func(p *parts.Part) error { s.list = append(s.list, p); return nil },
		Content: func(p *parts.Part, piece []byte) error {
			s.content[p.Path()] += string(piece)
			return nil
		},
	})
	w.Start()
	for _, f := range m.header {
		w.AddField(f.Name, f.Value)
	}
	_, err := w.Write([]byte(m.body))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	end := int64(0)
	for _, p := range s.list {
		if s.content[p.Path()] != "" {
			s.outside += m.body[end:p.Content]
			end = p.End
		}
	}
	s.outside += m.body[end:]
	return s
}

// checkStructure checks that only the parts with the banner have changed.
func checkStructure(t testing.TB, before, after mail, plan *banner.Plan) {
	t.Helper()
	with := make(map[string]banner.Variant)
	for _, o := range plan.Parts() {
		with[o.Path] = o.Variant
	}
	old, now := before.walk(t), after.walk(t)
	require.Len(t, now.list, len(old.list))
	relabelled := false
	for i, p := range old.list {
		q := now.list[i]
		require.Equal(t, p.Path(), q.Path())
		assert.Equal(t, p.Type, q.Type)
		assert.Equal(t, p.Names, q.Names)
		assert.Zero(t, q.Flaws&^p.Flaws, "new flaws: %v", q.Flaws&^p.Flaws)
		if _, ok := with[p.Path()]; ok {
			relabelled = relabelled || p.Encoding != q.Encoding || p.Param("charset") != q.Param("charset")
			continue
		}
		assert.Equal(t, p.Fields, q.Fields)
		assert.Equal(t, old.content[p.Path()], now.content[p.Path()], p.Path())
	}
	if !relabelled && len(old.content) == len(now.content) {
		assert.Equal(t, old.outside, now.outside)
	}
}

// checkBanner checks that the parts with a banner contain it, for a reader that decodes them
// with the standard library, if it could decode them before.
func checkBanner(t testing.TB, before, after mail, plan *banner.Plan) {
	t.Helper()
	old, now := before.walk(t), after.walk(t)
	for _, o := range plan.Parts() {
		for i, p := range now.list {
			was := old.list[i]
			if _, err := decoded(was.Encoding, old.content[was.Path()]); err != nil || p.Path() != o.Path {
				continue
			}
			text, err := decoded(p.Encoding, now.content[p.Path()])
			assert.NoError(t, err)
			assert.Contains(t, text, "from outside", "part %q", o.Path)
		}
	}
}
