package hostid_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/hostid"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id   string
		also []string
		want string // the error, or ""
	}{
		"the default":      {"", nil, ""},
		"names":            {"mx.example.org", []string{"mx1.example.org", "grün.example.org"}, ""},
		"white space":      {"mx example", nil, `"mx example" is not a name of a host`},
		"a line break":     {"mx", []string{"a\nb"}, `"a\nb" is not a name of a host`},
		"a NUL":            {"mx", []string{"a\x00b"}, `"a\x00b" is not a name of a host`},
		"delete":           {"mx\x7f", nil, `"mx\x7f" is not a name of a host`},
		"an asterisk":      {"*.example.org", nil, `"*.example.org" is not a name of a host: an asterisk matches only itself, so write each name`},
		"empty ones, once": {"mx", []string{"", ""}, "a name in AlsoRemove is empty"},
		"all mistakes":     {"a b", []string{"", "c d"}, "\"a b\" is not a name of a host\n\"c d\" is not a name of a host\na name in AlsoRemove is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := hostid.Check(c.id, c.also)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			assert.EqualError(t, err, c.want)
		})
	}
}
