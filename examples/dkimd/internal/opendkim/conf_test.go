package opendkim_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/dkimd/internal/opendkim"
)

// write writes a file into a directory and returns its path. DIR in its text
// stands for the directory.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
	return path
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "more.conf", "SELECTOR two\n")
	settings, err := opendkim.Read(write(t, dir, "opendkim.conf", "\ufeff# a comment\r\n\r\n  Mode \t sv  # both\r\nselector one\r\nInclude DIR/more.conf\r\nSignatureTTL 0x10\r\nSyslog y"))
	require.NoError(t, err)
	var got []string
	for _, s := range settings {
		got = append(got, strings.ReplaceAll(fmt.Sprintf("%s:%d %s=%s", s.File, s.Line, s.Option.Name, s.Value), dir+"/", ""))
	}
	assert.Equal(t, []string{"opendkim.conf:3 Mode=sv", "opendkim.conf:4 Selector=one", "more.conf:1 Selector=two", "opendkim.conf:6 SignatureTTL=0x10", "opendkim.conf:7 Syslog=y"}, got)
}

func TestReadMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Mode sv\nModus sv\n":                           `opendkim.conf:2: opendkim.conf(5) has no option "Modus"`,
		"ADSPAction x\n":                                `opendkim.conf:1: opendkim.conf(5) has no option "ADSPAction"`,
		"Background\n":                                  "opendkim.conf:1: Background has no value",
		"\nBackground # yes\n":                          "opendkim.conf:2: Background has no value",
		"Background maybe\n":                            `opendkim.conf:1: Background: want yes or no, not "maybe"`,
		"SignatureTTL 1h\n":                             `opendkim.conf:1: SignatureTTL: want a number, not "1h"`,
		"SignatureTTL 99999999999\n":                    "opendkim.conf:1: SignatureTTL: want a number",
		"Mode s\x00v\n":                                 "opendkim.conf:1: Mode: the value contains a control character",
		"Include DIR/none.conf\n":                       "opendkim.conf:1: Include: open DIR/none.conf: no such file",
		"Include DIR/opendkim.conf\n":                   "opendkim.conf:1: Include: files are nested more than 5 deep",
		"Include /dev/zero\n":                           "opendkim.conf:1: Include: /dev/zero: not a regular file: it is a device",
		"Include DIR/large.conf\n":                      "opendkim.conf:1: Include: DIR/large.conf: file too large: larger than 1048576 bytes",
		"Include DIR/broken.conf\n":                     "opendkim.conf:1: Include: DIR/broken.conf:2: Mode has no value",
		strings.Repeat("Include DIR/empty.conf\n", 101): "opendkim.conf:100: Include: DIR/empty.conf: more than 100 files",
	} {
		dir := t.TempDir()
		write(t, dir, "broken.conf", "\nMode\n")
		write(t, dir, "empty.conf", "")
		write(t, dir, "large.conf", strings.Repeat("#", 1<<20+1))
		_, err := opendkim.Read(write(t, dir, "opendkim.conf", text))
		assert.ErrorContains(t, err, strings.ReplaceAll(want, "DIR", dir), text)
	}
	_, err := opendkim.Read("/nonexistent/opendkim.conf")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestOptions checks that each option has a text, and is in the list once.
func TestOptions(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, option := range opendkim.Options() {
		assert.NotEmpty(t, option.Text, option.Name)
		assert.False(t, seen[strings.ToLower(option.Name)], option.Name)
		seen[strings.ToLower(option.Name)] = true
	}
}

func FuzzConvert(f *testing.F) {
	f.Add("Mode sv\nDomain csl:a.example,*\nKeyFile /x\nSelector s\nSubDomains y\nOmitHeaders *,+x\n")
	f.Add("Mode v\nOn-Default d\nNameservers ::1,\nRemoveARFrom .a, b\nSocket inet:1\n")
	f.Add("KeyTable a=b:c:/d\nSigningTable x=a\nInternalHosts 10.*,*,!::1\nMTA a\nMacroList b,c=d|e\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") || strings.ContainsAny(text, "/.") && strings.Contains(text, "file:") {
			t.Skip("it names files")
		}
		settings, err := opendkim.Read(write(t, dir, "opendkim.conf", text))
		if err != nil {
			return
		}
		result, err := opendkim.Convert("opendkim.conf", settings)
		if err != nil {
			require.Nil(t, result)
			return
		}
		require.LessOrEqual(t, len(result.YAML), 10*len(text)+5000)
		for _, note := range result.Notes {
			require.NotContains(t, note.String(), "\n")
		}
	})
}
