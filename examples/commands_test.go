package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	addheaderip "github.com/sluicemail/sluice/examples/addheaderip/filter"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// readers returns a folder in which the commands of the pages work: it has the
// examples and the files that the commands name.
func readers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(here, filepath.Join(dir, "examples")))
	for name, text := range map[string]string{"denylist.txt": "example.org\n", "message.eml": "A: b\n\nc\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	recordMail(t, filepath.Join(dir, "records"))
	return dir
}

// recordMail records a message to addheaderip, for the replay of probe.
func recordMail(t *testing.T, folder string) {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(addheaderip.Filter{Header: "X-Client-IP"})
	require.NoError(t, replaying.Record(t.Context(), folder, r, mta.Config{}, &mta.Message{Body: []byte("x\r\n")}))
}

// Each command "go run ./examples/…" in the READMEs has valid arguments. The
// test runs a filter with -explain, so that it does not serve. It runs probe
// with a filter, and playground with a free port.
func TestCommandsOfTheREADMEs(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("*/README.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^go run \./examples/(\w+)((?:.*\\\n)*.*)$`)
	dir, filter, tried := readers(t), listening(t), 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			name, args := m[1], strings.TrimSuffix(m[2], " &")
			switch name {
			case "probe":
				args = strings.ReplaceAll(args, "inet:9000@127.0.0.1", filter)
			case "playground":
				args = " -once -smtp 127.0.0.1:0" + args
			default:
				args = " -explain text" + args
			}
			tried++
			cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -o pipefail; "+filepath.Join(bin, name)+args)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s: %s\n%s", page, m[0], out)
		}
	}
	assert.Greater(t, tried, 10)
}

// listening starts a filter for probe and returns its address.
func listening(t *testing.T) string {
	t.Helper()
	address := "unix:" + filepath.Join(t.TempDir(), "s")
	testproc.Start(t, exec.Command(filepath.Join(bin, "addheaderip"), "-listen", address))
	require.Eventually(t, func() bool {
		_, err := os.Stat(strings.TrimPrefix(address, "unix:"))
		return err == nil
	}, patience, tick)
	return address
}
