package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// daemons returns the paths of the examples' systemd units by the name of the
// example. The units of headerd and dkimd are in docs/deploy, with their sockets.
func daemons(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("*/*.service")
	require.NoError(t, err)
	units := make(map[string]string)
	for _, path := range paths {
		units[filepath.Dir(path)] = path
	}
	for _, name := range []string{"addheaderip", "aliases", "changebody", "clamav", "fxapp", "greylist", "httpscan", "logall"} {
		require.Contains(t, units, name)
	}
	return units
}

// The arguments in a unit are valid for its program.
func TestUnitsFitThePrograms(t *testing.T) {
	t.Parallel()
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/(\S+) (.*)$`)
	for name, unit := range daemons(t) {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		m := start.FindStringSubmatch(string(text))
		require.NotNil(t, m, name)
		assert.Equal(t, name, m[1])
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, []byte("{}\n"), 0o600))
		args := strings.Fields(regexp.MustCompile(`/etc/\S+`).ReplaceAllLiteralString(m[2], file))
		status, _, stderr := run(t, name, append(args, "-explain", "text")...)
		assert.Zero(t, status, "%s: %s", name, stderr)
	}
}

// Each unit sets GOMEMLIMIT to about nine tenths of MemoryMax: the garbage collector then
// works harder before the kernel kills the process.
func TestUnitsLimitTheHeap(t *testing.T) {
	t.Parallel()
	units := daemons(t)
	units["headerd"], units["dkimd"] = "../docs/deploy/headerd.service", "../docs/deploy/dkimd.service"
	most, heap := regexp.MustCompile(`(?m)^MemoryMax=(\d+)G$`), regexp.MustCompile(`(?m)^Environment=GOMEMLIMIT=(\d+)MiB$`)
	for name, unit := range units {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		number := func(re *regexp.Regexp) float64 {
			m := re.FindStringSubmatch(string(text))
			require.NotNil(t, m, "%s: %v", name, re)
			n, err := strconv.ParseFloat(m[1], 64)
			require.NoError(t, err)
			return n
		}
		assert.InDelta(t, 0.9, number(heap)/(1024*number(most)), 0.05, name)
	}
}

// If systemd is installed, systemd-analyze finds no mistakes in the units, and
// rates their exposure at 2.0 of 10 at most.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze: the units are read by the other test alone")
		return
	}
	dir := t.TempDir()
	for name, unit := range daemons(t) {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		installed := filepath.Join(dir, filepath.Base(unit))
		require.NoError(t, os.WriteFile(installed, []byte(strings.ReplaceAll(string(text), "/usr/local/bin", bin)), 0o600))
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", installed).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.NotContains(t, string(out), name+".service", "not even a warning")
		out, err = exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold=20", installed).CombinedOutput()
		assert.NoError(t, err, string(out))
		t.Log(name, regexp.MustCompile(`Overall exposure.*`).FindString(string(out)))
	}
}
