//go:build integration

package integration_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	args := []string{"build", "-o", binaries}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	out, err := exec.Command("go", append(args, "../logall", "../addheaderip", "../changebody")...).CombinedOutput()
	if err != nil {
		return 1, fmt.Errorf("%w\n%s", err, out)
	}
	return run(), nil
}

// limit is the timeout of every wait.
const limit = 30 * time.Second

// line is one line of a filter's log.
type line map[string]any

// str returns the text of a field, or "" if there is none.
func (l line) str(name string) string {
	s, _ := l[name].(string)
	return s
}

// process is a running example.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and err is set
	err  error

	mu    sync.Mutex
	lines []line
	junk  []string // lines of its output that do not belong to the log
}

// start runs an example until the test ends. Then it stops the example as a
// service manager does, and checks that the example ends with the status 0.
func start(t *testing.T, name, listen string, args ...string) *process {
	t.Helper()
	args = append([]string{"-listen", listen, "-log-format", "json", "-log-level", "debug"}, args...)
	p := &process{name: name, cmd: exec.Command(filepath.Join(binaries, name), args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // by default the race detector waits a second
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		p.read(stderr)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		assert.NoError(t, p.ended(t), p.name)
		assert.Empty(t, p.junk, "%s wrote what is no log", p.name)
	})
	p.await(t, func(l line) bool { return l.str("msg") == "serving" })
	return p
}

func (p *process) read(r io.Reader) {
	for buffered := bufio.NewReader(r); ; {
		text, err := buffered.ReadBytes('\n')
		if err != nil {
			return
		}
		var l line
		p.mu.Lock()
		if json.Unmarshal(text, &l) == nil {
			p.lines = append(p.lines, l)
		} else {
			p.junk = append(p.junk, string(text))
		}
		p.mu.Unlock()
	}
}

// ended waits until the process has ended and returns its error.
func (p *process) ended(t *testing.T) error {
	t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(limit):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("%s has not ended after %v", p.name, limit)
	}
}

// terminate stops the process as a service manager does.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.await(t, func(l line) bool { return l.str("msg") == "draining" })
}

// log returns the lines so far that match.
func (p *process) log(match func(line) bool) []line {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []line
	for _, l := range p.lines {
		if match(l) {
			found = append(found, l)
		}
	}
	return found
}

// await waits for the first line that matches.
func (p *process) await(t *testing.T, match func(line) bool) line {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if found := p.log(match); len(found) > 0 {
			return found[0]
		}
		if time.Now().After(end) {
			p.mu.Lock()
			defer p.mu.Unlock()
			require.FailNow(t, "no such line in the log", "%s: %d lines, %v", p.name, len(p.lines), p.junk)
		}
	}
}

// address returns where the process listens, as Postfix writes it.
func (p *process) address(t *testing.T) string {
	t.Helper()
	where := p.await(t, func(l line) bool { return l.str("msg") == "serving" }).str("address")
	if strings.HasPrefix(where, "/") {
		return "unix:" + where
	}
	return "inet:" + where
}
