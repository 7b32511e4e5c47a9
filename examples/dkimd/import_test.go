package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/dkimd/internal/opendkim"
)

// TestImport checks the exit status, and that the result passes -check.
func TestImport(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	keyed := "Domain example.org\nSelector s1\nKeyFile " + key + "\n"
	tests := map[string]struct {
		text   string
		status int
		stderr string
		checks string
	}{
		"all mapped":          {keyed, 0, "", "ok, mode both, 1 signing rules"},
		"with needless":       {keyed + "UserID opendkim\n", 0, "dkimd: CONF:4: UserID is not needed: left to the service manager\n", "ok, mode both"},
		"with missing":        {"Mode v\nSoftwareHeader yes\n", 0, "dkimd: CONF:2: SoftwareHeader has no counterpart: ", "ok, mode verify"},
		"with changes":        {keyed + "Mode s\nPeerList 10.0.0.1\n", 3, "dkimd: CONF:5: PeerList has no counterpart, which changes the mail", "ok, mode sign"},
		"an unknown option":   {"Mode v\nModus v\n", 1, `dkimd: CONF:2: opendkim.conf(5) has no option "Modus"`, ""},
		"a bad value":         {"Nameservers x\n", 1, "dkimd: CONF:1: Nameservers: want IP addresses", ""},
		"no such table":       {"KeyTable file:/nonexistent\nSigningTable file:/nonexistent\n", 1, "dkimd: CONF:1: KeyTable: open /nonexistent", ""},
		"a domain twice":      {"Domain example.org,Example.org\nSelector s1\nKeyFile " + key + "\n", 0, "", "ok, mode both, 1 signing rules"},
		"keys, relative":      {"BaseDirectory " + filepath.Dir(key) + "\nKeyTable one=example.org:s1:./" + filepath.Base(key) + "\nSigningTable example.org=one\n", 0, "", "ok, mode both, 1 signing rules"},
		"no such key":         {"Domain example.org\nSelector s1\nKeyFile /nonexistent\n", 1, "dkimd: the configuration on standard output does not pass -check\ndkimd: standard output:6:66: dkim: open /nonexistent", ""},
		"a key that is none":  {"Domain example.org\nSelector s1\nKeyFile /nonexistent\nUserID x\n", 1, "/nonexistent", ""},
		"a bad domain, noted": {"Domain exa_!mple.org\nSelector s1\nKeyFile " + key + "\nPeerList 10.0.0.1\n", 1, "is not a domain", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := write(t, "opendkim.conf", c.text)
			status, stdout, stderr := run(t, "import", conf)
			assert.Equal(t, c.status, status, stderr)
			if c.stderr == "" {
				assert.Empty(t, stderr)
			}
			assert.Contains(t, stderr, strings.ReplaceAll(c.stderr, "CONF", conf))
			if c.checks != "" {
				assert.Contains(t, must(t, "-config", write(t, "dkimd.yaml", stdout), "-check"), c.checks)
			}
		})
	}
	status, _, _ := run(t, "import")
	assert.Equal(t, 2, status)
	status, _, stderr := run(t, "import", "/nonexistent")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "/nonexistent")
	assert.Contains(t, must(t, "import", "-h"), "usage: dkimd import OPENDKIM.CONF")
}

// TestImportOfThePage imports the configuration that the page about OpenDKIM
// shows: the result signs for the same authors as the YAML that the page shows.
func TestImportOfThePage(t *testing.T) {
	t.Parallel()
	dir := moved(t)
	status, stdout, stderr := run(t, "import", filepath.Join(dir, "opendkim.conf"))
	require.Zero(t, status, stderr)
	assert.Empty(t, stderr)
	config := write(t, "dkimd.yaml", stdout)
	assert.Contains(t, must(t, "-config", config, "-check"), "ok, mode both, 3 signing rules")
	text, err := os.ReadFile(filepath.Join(dir, "yaml"))
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(text), "\n") {
		if setting, ok := strings.CutPrefix(strings.TrimSpace(line), "hosts_file: "); ok {
			assert.Contains(t, stdout, setting)
		}
	}
}

// settingsTable is the table of the page with all options of OpenDKIM.
var settingsTable = regexp.MustCompile(`(?s)\n\| option \| dkimd \|\n\|---\|---\|\n(.*?)\n\n`)

// TestOptionsOnThePage compares the table of the page with what import does.
func TestOptionsOnThePage(t *testing.T) {
	t.Parallel()
	words := map[opendkim.Effect]string{
		opendkim.Mapped: "", opendkim.Needless: "*not needed:* ", opendkim.Missing: "*none:* ", opendkim.Changes: "**none:** ",
	}
	var rows []string
	for _, option := range opendkim.Options() {
		rows = append(rows, "| `"+option.Name+"` | "+words[option.Effect]+option.Text+" |")
	}
	path := filepath.Join("..", "..", "docs", "howto", "moving-from-opendkim.md")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	want := strings.Join(rows, "\n")
	m := settingsTable.FindSubmatchIndex(page)
	require.NotNil(t, m)
	if *update {
		text := string(page[:m[2]]) + want + string(page[m[3]:])
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	assert.Equal(t, want, string(page[m[2]:m[3]]))
}
