package peers_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/emersion/go-milter" // what the servers are built with: see start
	_ "github.com/sluicemail/sluice/framework"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// options returns the options of the shortest complete run.
func options() peers.Options {
	return peers.Options{
		Servers:   peers.Servers(),
		Workloads: []workload.Name{workload.W1, workload.W2, workload.W3, workload.W4},
		Networks:  []string{"tcp", "unix"}, Conns: []int{2}, Rounds: 1,
		Duration: 60 * time.Millisecond, Idle: 20, Progress: io.Discard,
	}
}

// start builds the servers. It reads their sources, and this package imports
// their imports, so that "go test" does not reuse a cached result after a
// server has changed.
func start(t *testing.T, o peers.Options) *peers.Bench {
	t.Helper()
	sources := os.DirFS("../../servers")
	require.NoError(t, fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = fs.ReadFile(sources, path)
		}
		return err
	}))
	b, err := peers.New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

// rows returns the first cell of each row of a table, without the table's head.
func rows(text string) (first []string) {
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && name != "server" && name != "---" {
			first = append(first, name)
		}
	}
	return first
}

// TestEveryServerPlaysEveryWorkload relies on the load generator, which checks
// each reply and reports a wrong one as an error.
func TestEveryServerPlaysEveryWorkload(t *testing.T) {
	t.Parallel()
	o := options()
	var progress bytes.Buffer
	o.Progress = &progress
	b := start(t, o)
	text, err := b.Loads(t.Context())
	require.NoError(t, err)
	assert.Len(t, rows(text), len(o.Servers)*len(o.Workloads)*len(o.Networks))
	assert.Contains(t, text, "W4 over unix, 2 connections:")
	assert.Contains(t, progress.String(), "w1 over tcp, 2 connections")

	text, err = b.Sessions(t.Context())
	require.NoError(t, err)
	assert.Len(t, rows(text), len(o.Servers)*len(o.Networks))

	text, err = b.Idles(t.Context())
	require.NoError(t, err)
	assert.Equal(t, o.Servers, rows(text))
}

// TestNagle checks that Sluice acknowledges data at once if the MTA uses
// Nagle's algorithm, and that a plain server does not.
func TestNagle(t *testing.T) {
	t.Parallel()
	o := options()
	o.Servers, o.Duration = []string{peers.Null, peers.Sluice}, 300*time.Millisecond
	text, err := start(t, o).Nagle(t.Context())
	require.NoError(t, err)
	require.Equal(t, o.Servers, rows(text))
	assert.Greater(t, rateOf(t, text, peers.Sluice), 5*rateOf(t, text, peers.Null))
}

// rateOf returns the second cell of a server's row.
func rateOf(t *testing.T, text, server string) float64 {
	t.Helper()
	_, row, _ := strings.Cut(text, "| "+server+" | ")
	cell, _, _ := strings.Cut(row, " |")
	rate, err := strconv.ParseFloat(cell, 64)
	require.NoError(t, err)
	return rate
}

func TestNewReportsAnUnknownServer(t *testing.T) {
	t.Parallel()
	o := options()
	o.Servers = []string{"sendmail"}
	_, err := peers.New(t.Context(), o)
	assert.ErrorContains(t, err, `unknown server "sendmail"`)
}

func TestSection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "doc.md")
	require.NoError(t, os.WriteFile(path, []byte("a\n<!-- peers:x -->\nold\n<!-- /peers:x -->\nb\n"), 0o600))
	require.NoError(t, peers.Section(path, "x", "new\n"))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "a\n<!-- peers:x -->\nnew\n\n<!-- /peers:x -->\nb\n", string(got))
	assert.ErrorContains(t, peers.Section(path, "y", ""), `no section "y"`)
}
