package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/dkimd"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// block matches a file that a page shows.
var block = regexp.MustCompile("(?ms)^```([A-Za-z.]+)\n(.*?)^```")

// moved writes the files that the page about OpenDKIM shows and returns their
// directory. It replaces the paths in them by paths in that directory.
func moved(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "howto", "moving-from-opendkim.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	paths := strings.NewReplacer("/etc/opendkim/keys/", dir+"/", "/etc/opendkim/", dir+"/")
	files := 0
	for _, m := range block.FindAllStringSubmatch(string(page), -1) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, m[1]), []byte(paths.Replace(m[2])), 0o600))
		files++
	}
	require.Equal(t, 5, files)
	for _, name := range []string{"example.org.private", "news.private"} {
		must(t, "keygen", "-domain", "example.org", "-selector", "s", "-out", filepath.Join(dir, name))
	}
	return dir
}

// senders maps the authors of the test's mail to the domain and the selector
// that sign it.
func senders() map[string]string {
	return map[string]string{
		"ann@example.org":         "example.org s2026",
		"Ann@EXAMPLE.org":         "example.org s2026",
		"ann@a.example.org":       "example.org s2026",
		"ann@b.a.example.org":     "example.org s2026",
		"list@news.example.org":   "news.example.org s1",
		"list@a.news.example.org": "example.org s2026",
		"eve@example.net":         "",
		"eve@notexample.org":      "",
	}
}

// signedBy returns the domain and the selector of a signature.
func signedBy(value string) string {
	tags := make(map[string]string)
	for tag := range strings.SplitSeq(value, ";") {
		name, v, _ := strings.Cut(strings.TrimSpace(tag), "=")
		tags[name] = strings.TrimSpace(v)
	}
	return strings.TrimSpace(tags["d"] + " " + tags["s"])
}

func TestMovedFromOpenDKIM(t *testing.T) {
	t.Parallel()
	dir := moved(t)
	config := filepath.Join(dir, "yaml")
	assert.Contains(t, must(t, "-config", config, "-check"), "ok, mode both, 3 signing rules")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	filter, err := main.NewFilter(config, text)
	require.NoError(t, err)
	send := func(from, client string) *miltertest.Result {
		return miltertest.Run(t, filter, miltertest.Message("From: "+from+"\nSubject: x\n\nx\n", miltertest.Client(client)))
	}
	for from, want := range senders() {
		for _, client := range []string{"127.0.0.1", "::1", "192.0.2.7"} {
			value := send(from, client).Header("DKIM-Signature")
			assert.Equal(t, want, signedBy(value), "%s from %s", from, client)
			if want != "" {
				assert.Contains(t, value, "c=relaxed/simple")
			}
		}
		for _, client := range []string{"192.0.2.99", "198.51.100.1"} {
			res := send(from, client)
			assert.Empty(t, res.Header("DKIM-Signature"), "%s from %s", from, client)
			assert.Equal(t, "mx.example.org;\n\tdkim=none", res.Header("Authentication-Results"))
		}
	}
}
