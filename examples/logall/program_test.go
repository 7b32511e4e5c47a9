package main_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/logall"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Program().Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			status, got, stderr := run("-explain", format)
			require.Zero(t, status, stderr)
			golden := filepath.Join("testdata", "explain."+format)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-help")
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Less(t, strings.Count(stdout, "\n"), 24)
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"zero": "0", "negative": "-1", "no number": "all"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run("-limit", value, "-explain", "text")
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^logall: [^\n]*-limit[^\n]*\n$`, stderr)
		})
	}
}
