package cli_test

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework/printable"
)

// No line of an example filter has a character that a terminal does not show, in either
// format.
func TestLogIsPrintable(t *testing.T) {
	t.Parallel()
	const hostile = "x\u009b31m\u202e\u200b\xff"
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var shared cli.Common
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			shared.AddFlags(fs)
			require.NoError(t, fs.Parse([]string{"-log-format", format}))
			var out bytes.Buffer
			log := shared.Logger(&out)
			log.Debug("not at this level")
			log.With("with", hostile).Warn(hostile, "text", hostile, "error", errors.New(hostile), slog.Group("g", "list", []string{hostile}))
			line := strings.TrimSuffix(out.String(), "\n")
			assert.Equal(t, 5, strings.Count(line, `u202e`), line)
			for _, r := range line {
				assert.True(t, printable.Rune(r), "%+q in %+q", r, line)
			}
		})
	}
}
