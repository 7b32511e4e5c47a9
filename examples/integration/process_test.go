//go:build integration

package integration_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// binaries is the folder of the built examples.
var binaries string

func TestMain(m *testing.M) {
	status, err := withBinaries(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// withBinaries builds the examples and calls run. It builds them with the race
// detector if the test was built with it.
func withBinaries(run func() int) (status int, err error) {
	if binaries, err = os.MkdirTemp("", "examples"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaries)) }()
	if err := testproc.BuildInto(binaries, append(testproc.RaceFlags(), "../logall", "../addheaderip", "../changebody")...); err != nil {
		return 1, err
	}
	return run(), nil
}

// limit is the timeout of every wait.
const limit = 2 * time.Minute

// line is one line of a filter's log.
type line = testproc.Line

// process is a running example.
type process struct {
	*testproc.Process
	lines *testproc.Log
}

// start runs an example until the test ends. Then it stops the example as a
// service manager does, and checks that the example ends with the status 0.
func start(t *testing.T, name, listen string, args ...string) *process {
	t.Helper()
	args = append([]string{"-listen", listen, "-log-format", "json", "-log-level", "debug"}, args...)
	cmd, lines := exec.Command(filepath.Join(binaries, name), args...), new(testproc.Log)
	cmd.Stderr = lines
	p := &process{testproc.Start(t, cmd), lines}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		assert.NoError(t, p.Wait(t), name)
		assert.Empty(t, lines.Junk(), "%s wrote what is no log", name)
	})
	p.await(t, testproc.Message("serving"))
	return p
}

// terminate stops the process as a service manager does.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	p.await(t, testproc.Message("draining"))
}

// log returns the lines so far that match.
func (p *process) log(match func(line) bool) []line { return p.lines.Lines(match) }

// await waits for the first line that matches.
func (p *process) await(t *testing.T, match func(line) bool) line {
	t.Helper()
	return p.lines.Await(t, match)
}

// address returns where the process listens, as Postfix writes it.
func (p *process) address(t *testing.T) string {
	t.Helper()
	where := p.await(t, testproc.Message("serving")).Str("address")
	if strings.HasPrefix(where, "/") {
		return "unix:" + where
	}
	return "inet:" + where
}
