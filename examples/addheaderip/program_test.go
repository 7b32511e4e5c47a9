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

	main "github.com/sluicemail/sluice/examples/addheaderip"
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
	tests := map[string]string{
		"empty":         "",
		"space":         "X Client",
		"colon":         "X-Client:",
		"line end":      "X-Client\r\nX-Forged",
		"NUL":           "X\x00",
		"not ASCII":     "X-Adreße",
		"delete":        "X\x7f",
		"65 characters": strings.Repeat("x", 65),
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run("-name", value, "-explain", "text")
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^addheaderip: -name: a header field's name [^\n]*\n$`, stderr)
		})
	}
}
