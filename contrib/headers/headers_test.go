package headers_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
)

var update = flag.Bool("update", false, "write the golden files anew")

// parsed returns the filter of a configuration in YAML.
func parsed(t testing.TB, text string) framework.Filter {
	t.Helper()
	cfg, err := headers.Parse("test.yaml", []byte(text))
	require.NoError(t, err)
	filter, err := headers.New(cfg)
	require.NoError(t, err)
	return filter
}
