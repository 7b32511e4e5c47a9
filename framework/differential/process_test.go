//go:build integration

package differential_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is one of the filters, started with orders.
type process struct {
	cmd    *exec.Cmd
	socket string
	lines  chan string // what it prints, closed at its end
}

// start runs a filter until the test ends or stop is called.
func start(t *testing.T, name string, orders []string) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "filter") //nolint:usetesting // its path may be too long for a socket
	require.NoError(t, err)
	p := &process{socket: filepath.Join(dir, "socket"), lines: make(chan string, 4096)}
	p.cmd = exec.Command(filepath.Join(folder, name), append(orders, "-p", "unix:"+p.socket)...)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	log, err := os.Create(p.log())
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go p.read(out)
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s %q wrote: %s", name, orders, p.wrote())
		}
		_ = os.RemoveAll(dir)
	})
	return p
}

// log is the file with the filter's standard error.
func (p *process) log() string { return p.socket + ".log" }

func (p *process) wrote() string {
	text, _ := os.ReadFile(p.log())
	return string(text)
}

func (p *process) read(r io.Reader) {
	defer close(p.lines)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		p.lines <- lines.Text()
	}
}

// stop kills the process, because the tests do not compare an orderly shutdown.
func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	for range p.lines {
		continue // what is left is of no interest
	}
	_ = p.cmd.Wait()
}

// dial connects to the filter once it serves. It makes only one successful
// connection, because libmilter counts a connection without data as a session.
func (p *process) dial(t *testing.T) net.Conn {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(2 * time.Millisecond) {
		conn, err := net.Dial("unix", p.socket)
		if err == nil {
			return &patient{conn}
		}
		require.True(t, time.Now().Before(end), "the filter does not serve: %v\n%s", err, p.wrote())
	}
}

// serving waits until the filter accepts a connection and, for libmilter, until
// the session of that connection has ended.
func (p *process) serving(t *testing.T) {
	t.Helper()
	require.NoError(t, p.dial(t).(*patient).Conn.Close())
	if filepath.Base(p.cmd.Path) == theirs {
		require.Equal(t, []string{"close"}, p.session(t))
	}
}

// session returns the filter's output for one session after the session has
// ended.
func (p *process) session(t *testing.T) []string {
	t.Helper()
	timeout := time.After(limit)
	var lines []string
	for {
		select {
		case line, ok := <-p.lines:
			require.True(t, ok, "the filter ended: %s", p.wrote())
			lines = append(lines, line)
			if line == "close" {
				return lines
			}
		case <-timeout:
			require.FailNow(t, "the session did not end", "%q", lines)
		}
	}
}

// patient is a connection whose Close waits until the filter has closed it.
// libmilter does not read data that was sent before the other end of a unix
// socket closed. If no command tells the filter to end the session, Close waits
// long enough for the filter to read.
type patient struct{ net.Conn }

// Close implements [net.Conn].
func (c *patient) Close() error {
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = io.Copy(io.Discard, c.Conn)
	return c.Conn.Close()
}
