package main_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authenticate writes one field for all methods, so that no method can have it as a wish.
func TestOptionalIsNotForAMethod(t *testing.T) {
	t.Parallel()
	path := write(t, "x.yaml", "filters:\n- authenticate:\n    dkim: {optional: true}\n")
	status, _, stderr := run(t, "-check", "-config", path)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, path+":3:22: optional is not for this section")
}

// Behind a server that does not let filters delete fields, the filter as a whole cannot be a wish
// either. With fail: open, only the part that writes the field is left out.
func TestAuthenticateWithoutField(t *testing.T) {
	t.Parallel()
	const policies = "filters:\n- authenticate:\n    spf: {mailfrom: {fail: reject}}\n    dmarc: {reject: reject}\n"
	status, _, stderr := run(t, "-check", "-config", write(t, "x.yaml", policies+"    optional: true\n"))
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, `:5:5: unknown setting "optional"`)
	_, stdout, _ := run(t, "-check", "-behind", "maddy", "-config", write(t, "x.yaml", policies+"  fail: open\n"))
	assert.Equal(t, 1, strings.Count(stdout, "cannot work"), stdout)
	assert.Contains(t, stdout, "  filter authenticate-field cannot work: mail passes without the filter\n")
}

// A signature may be a wish.
func TestOptionalSigning(t *testing.T) {
	t.Parallel()
	path, _ := sample(t, "submission.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "\n  - sign:\n")
	wish := strings.Replace(string(text), "\n  - sign:\n", "\n  - sign:\n      optional: true\n", 1)
	require.NoError(t, os.WriteFile(path, []byte(wish), 0o600))
	status, stdout, stderr := run(t, "-config", path, "-explain", "text")
	assert.Zero(t, status, stderr)
	assert.Regexp(t, `GrantAddHeader \(optional\) by sign at dkim/filter\.go`, stdout)
}

// Sluice cannot choose the canonicalization of a milter that signs elsewhere.
func TestCheckBehindOfRemoteMilter(t *testing.T) {
	t.Parallel()
	path := write(t, "x.yaml", "filters:\n- remote: {addresses: [\"unix:/nonexistent\"], if_away: start}\n")
	for _, server := range []string{"maddy", "stalwart"} {
		status, stdout, _ := run(t, "-check", "-behind", server, "-config", path)
		assert.Zero(t, status, stdout)
		assert.Regexp(t, `\n  white space after the colon .*; tell a remote milter to sign with relaxed\n`, stdout)
	}
}
