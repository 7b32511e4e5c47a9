package main_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCheckBehind says what the filter cannot do behind Maddy, which does not let it change
// fields.
func TestCheckBehind(t *testing.T) {
	t.Parallel()
	const (
		verifies  = "mode: verify\nauthserv_id: mx.example.org\n"
		cannot    = "dkimd: behind Maddy: the server does not grant what the configuration requires: all mail is refused with 451 4.3.0 mail filter failed, try again later\n"
		forged    = "writing results cannot change and delete fields (SMFIF_CHGHDRS): results are not written and forged ones not removed, so that no program may trust Authentication-Results\n"
		unchanged = "grants and sends all that the configuration asks for\n"
	)
	for name, c := range map[string]struct {
		text, says, stderr string
		status             int
	}{
		"signs":                      {"mode: sign\n", ": no; Sluice signs the header with relaxed, ", "", 0},
		"verifies":                   {verifies, ":1: writing results needs to change and delete fields (SMFIF_CHGHDRS)\n", cannot, 1},
		"verifies, with a section":   {verifies + "verifying: {timeout: 5s}\n", ":3: writing results needs", cannot, 1},
		"the results are a wish":     {verifies + "verifying: {optional: true}\n", ":3: " + forged, "", 0},
		"signs, and they are a wish": {"authserv_id: a\nsigning: {optional: true}\nverifying: {optional: true}\n", ":3: " + forged, "", 0},
		"a dry run":                  {"dry_run: true\n" + verifies, "filter dkim cannot work: mail passes without the filter\n", "dkimd: behind Maddy: the server does not grant what the configuration requires: mail passes without dkim\n", 1},
	} {
		path := write(t, "dkimd.yaml", c.text)
		status, stdout, stderr := run(t, "-check", "-behind", "maddy", "-config", path)
		assert.Equal(t, c.status, status, name)
		assert.Contains(t, stdout, c.says, name)
		assert.Equal(t, c.stderr, stderr, name)
		status, stdout, stderr = run(t, "-check", "-behind", "postfix", "-config", path)
		assert.Zero(t, status, name)
		assert.Contains(t, stdout, unchanged, name)
		assert.Empty(t, stderr, name)
	}
}
