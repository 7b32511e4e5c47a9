package tags_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/tags"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want string // name=value|…
		err  error
	}{
		"two":                {"v=1; a=rsa-sha256", "v=1|a=rsa-sha256", nil},
		"semicolon at end":   {"v=1;", "v=1", nil},
		"and white space":    {"v=1; \r\n\t", "v=1", nil},
		"folded":             {" v = 1 ;\r\n\tb=ab\r\n cd ", "v=1|b=ab\r\n cd", nil},
		"empty value":        {"p=", "p=", nil},
		"equals in a value":  {"b=ab==", "b=ab==", nil},
		"beyond ASCII":       {"i=\u00e4@example.org", "i=\u00e4@example.org", nil},
		"names differ":       {"a=1; A=2", "a=1|A=2", nil},
		"a name with digits": {"x_109=2; Za=1; zA=1", "x_109=2|Za=1|zA=1", nil},
		"empty":              {"", "", tags.ErrSyntax},
		"no equals sign":     {"v", "", tags.ErrSyntax},
		"no name":            {"=1", "", tags.ErrSyntax},
		"two semicolons":     {"v=1;; a=2", "", tags.ErrSyntax},
		"space in a name":    {"v v=1", "", tags.ErrSyntax},
		"digit first":        {"1v=1", "", tags.ErrSyntax},
		"NUL":                {"v=\x00", "", tags.ErrSyntax},
		"twice":              {"v=1; v=1", "", tags.ErrDuplicate},
		"too many":           {many(51), "", tags.ErrTooMany},
		"a quoted record":    {`"v=DKIM1; p="`, "", tags.ErrSyntax},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := tags.Parse(c.text)
			require.ErrorIs(t, err, c.err)
			var got []string
			for _, tag := range list {
				got = append(got, tag.Name+"="+tag.Value)
				assert.Equal(t, tag.Value, strings.TrimSpace(c.text[tag.Start:tag.End]))
			}
			assert.Equal(t, c.want, strings.Join(got, "|"))
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x" + strings.Repeat("y", i) + "=;")
	}
	return b.String()
}

func TestFind(t *testing.T) {
	t.Parallel()
	list, err := tags.Parse("v=1; b= a b ;")
	require.NoError(t, err)
	assert.Equal(t, "a b", list.Get("b"))
	assert.Empty(t, list.Get("x"))
	_, ok := list.Find("V")
	assert.False(t, ok)
}

func TestItems(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"From", "To", ""}, tags.Items("From :\r\n\tTo:"))
	assert.Equal(t, []string{"a"}, tags.Items("a"))
}

func FuzzParse(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; b=ab\r\n cd")
	f.Add(";;==\x00")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := tags.Parse(text)
		if err != nil {
			require.Empty(t, list)
			return
		}
		last := 0
		for _, tag := range list {
			require.GreaterOrEqual(t, tag.Start, last)
			require.GreaterOrEqual(t, tag.End, tag.Start)
			require.Contains(t, text[tag.Start:tag.End], tag.Value)
			last = tag.End
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "rsa-sha256", tags.Word(" RSA-\r\n\tSha256 "))
	assert.Equal(t, []string{"y", "s"}, tags.Words("Y : S"))
	assert.Equal(t, []string{""}, tags.Words(""))
}

func TestUnquote(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                         "",
		"ann@example.org":          "ann@example.org",
		"ann=40example.org":        "ann@example.org",
		"ann=3D=3d\r\n\t@e.org":    "ann==@e.org",
		"=61=\r\n 6e":              "an",
		"\u00e4=C3=A4@example.org": "\u00e4\u00e4@example.org",
		"=20":                      " ",
	} {
		got, err := tags.Unquote(value)
		require.NoError(t, err, value)
		assert.Equal(t, want, got, value)
	}
	for _, value := range []string{"=", "a=", "a=4", "a=4g", "a=b@example.org", "==40"} {
		_, err := tags.Unquote(value)
		assert.ErrorIs(t, err, tags.ErrQuoted, value)
	}
}

func FuzzUnquote(f *testing.F) {
	f.Add("ann=40example.org")
	f.Add("a=\r\n 4=0=")
	f.Fuzz(func(t *testing.T, value string) {
		got, err := tags.Unquote(value)
		if err != nil {
			require.Empty(t, got)
			return
		}
		require.LessOrEqual(t, len(got), len(value))
		var quoted strings.Builder
		for i := range len(got) {
			quoted.WriteString("=" + hex.EncodeToString([]byte{got[i]}))
		}
		again, err := tags.Unquote(quoted.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
