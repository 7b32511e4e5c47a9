package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/behind"
)

// What a configuration cannot do behind each server, and what then becomes of mail, equals the
// golden files.
func TestCheckBehind(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"headerd", "sluiced"} {
		for _, server := range behind.Names() {
			t.Run(name+" "+server, func(t *testing.T) {
				t.Parallel()
				status, stdout, stderr := run(t, name, "-check", "-behind", server, "-config", filepath.Join(name, "testdata", "behind.yaml"))
				_, report, ok := strings.Cut(stdout, "behind ")
				require.True(t, ok, stdout)
				got := "behind " + report + stderr
				golden := filepath.Join(name, "testdata", "behind."+server)
				if *update {
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				assert.Equal(t, string(want), got)
				assert.Equal(t, server == "maddy", status == 1, "only Maddy lacks something: %d", status)
			})
		}
	}
}
