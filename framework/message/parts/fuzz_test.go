package parts_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// FuzzFields checks what is told of a part with any Content-Type and
// Content-Disposition: a type that has two halves, and names that can be shown on one
// line and are not told twice.
func FuzzFields(f *testing.F) {
	for _, c := range nameTests() {
		var values [2]string
		for _, field := range fieldsOf(c.header) {
			switch strings.ToLower(field.Name) {
			case "content-type":
				values[0] = field.Value
			case "content-disposition":
				values[1] = field.Value
			}
		}
		f.Add(values[0], values[1])
	}
	f.Fuzz(func(t *testing.T, contentType, disposition string) {
		var root *parts.Part
		w := parts.NewWalker(parts.Limits{}, parts.Handler{Begin: func(p *parts.Part) error {
			if p.Parent == nil {
				root = p
			}
			return nil
		}})
		w.Start()
		w.AddField("Content-Type", contentType)
		w.AddField("Content-Disposition", disposition)
		require.NoError(t, w.Close())
		main, sub, ok := strings.Cut(root.Type, "/")
		assert.True(t, ok && main != "" && sub != "", root.Type)
		assert.LessOrEqual(t, len(root.Names), 64)
		for i, name := range root.Names {
			assert.NotEmpty(t, name)
			assert.True(t, utf8.ValidString(name))
			assert.False(t, strings.ContainsAny(name, "\r\n\x00"), "%q", name)
			assert.False(t, slices.Contains(root.Names[:i], name), "%q", name)
		}
	})
}
