package headers_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

var update = flag.Bool("update", false, "write the golden files anew")

// parsed returns a filter with a configuration in YAML.
func parsed(t testing.TB, text string) framework.Filter {
	t.Helper()
	cfg, err := headers.Parse("test.yaml", []byte(text))
	require.NoError(t, err)
	filter, err := headers.New(cfg)
	require.NoError(t, err)
	return filter
}

// field returns a field whose lines begin with white space after the first, as
// the lines of a folded value do.
func field(name, value string) mta.Field {
	value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", "\n"), "\n", "\n ")
	return mta.Field{Name: name, Value: " " + value}
}
