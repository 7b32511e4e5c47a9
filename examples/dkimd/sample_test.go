package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSample checks the sample as it is, and with all settings that it shows in
// comments.
func TestSample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("dkimd.yaml")
	require.NoError(t, err)
	shown := regexp.MustCompile(`(?m)^( *)# ( *(?:dry_run|authserv_id|check_dns|policies|bank\.example|dns|servers|metrics):.*)$`)
	require.Len(t, shown.FindAll(text, -1), 8)
	key, _ := newKey(t, "rsa", "example.org", "s2026")
	for name, sample := range map[string]string{"as it is": string(text), "complete": shown.ReplaceAllString(string(text), "$1$2")} {
		config := filepath.Join(t.TempDir(), "dkimd.yaml")
		require.NoError(t, os.WriteFile(config, []byte(strings.ReplaceAll(sample, "/etc/dkimd/s2026.pem", key)), 0o600))
		status, stdout, stderr := run(t, "-check", "-config", config)
		assert.Zero(t, status, "%s: %s", name, stderr)
		assert.Equal(t, config+": ok, mode both, 1 signing rules\n", stdout, name)
	}
}
