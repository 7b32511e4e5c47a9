package examples_test

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the database of aliases
)

// patience is the timeout for what happens at once unless the machine is busy,
// and tick is how often a test checks for it.
const (
	patience = time.Minute
	tick     = 10 * time.Millisecond
)

// serve runs a filter on a socket, sends it a message with probe, and returns
// the output of both.
func serve(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	address := "unix:" + filepath.Join(t.TempDir(), "s")
	at, message := "-listen", "probe/testdata/message.eml"
	switch name {
	case "testmilter":
		at = "-p"
	case "headerd": // whose sample refuses mail of example.org from outside
		message = "headerd/testdata/outside.eml"
	}
	cmd := exec.Command(filepath.Join(bin, name), append(args, at, address)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	var shown string
	assert.Eventually(t, func() bool {
		status, stdout, _ := run(t, "probe", "-milter", address, "-client", "192.0.2.7",
			"-from", "ann@example.org", "-rcpt", "bob@example.net", message)
		shown = stdout
		return status == 0
	}, patience, tick)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "the buffer is whole")
	return shown + out.String()
}

// pattern returns a regular expression for output as a page shows it. "…" stands
// for any text within a line or for any number of lines.
func pattern(shown string) string {
	p := strings.ReplaceAll(regexp.QuoteMeta(shown), "\n…\n", "\n(?s:.*?)\n")
	return `(?m)^` + strings.ReplaceAll(p, "…", ".*")
}

// aliases returns a database with the rows that the README of aliases inserts.
func aliases(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aliases.db")
	schema, err := os.ReadFile("aliases/schema.sql")
	require.NoError(t, err)
	page, err := os.ReadFile("aliases/README.md")
	require.NoError(t, err)
	insert := regexp.MustCompile(`INSERT INTO [^"\n]*`).FindString(string(page))
	require.NotEmpty(t, insert)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), string(schema)+insert)
	require.NoError(t, err)
	return path
}

// The programs print the output that the READMEs show.
func TestOutputAsShown(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?ms)^```text\n(.*?)^```")
	for page, call := range map[string][]string{
		"addheaderip": {"addheaderip"},
		"aliases":     {"aliases", "-db", aliases(t)},
		"changebody":  {"changebody", "-text", "The content was removed."},
		"clamav":      {"clamav", "-clamd", "/nonexistent"},
		"fxapp":       {"fxapp"},
		"greylist":    {"greylist"},
		"headerd":     {"headerd", "-config", "headerd/headerd.yaml"},
		"httpscan":    {"httpscan", "-url", "http://127.0.0.1:1/checkv2"},
		"logall":      {"logall"},
		"probe":       {"addheaderip"},
		"testmilter":  {"testmilter", "-c", "rcpt", "-a", "550 5.7.1 not here"},
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(page, "README.md"))
			require.NoError(t, err)
			shown := block.FindAllStringSubmatch(string(text), -1)
			require.NotEmpty(t, shown)
			output := serve(t, call[0], call[1:]...)
			for _, m := range shown {
				assert.Regexp(t, pattern(m[1]), output)
			}
		})
	}
}
