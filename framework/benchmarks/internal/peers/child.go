package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/process"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// child is a running server.
type child struct {
	server           string
	workload         workload.Name
	network, address string

	cmd    *exec.Cmd
	lines  *bufio.Reader
	stderr testproc.Buffer
}

// start starts a server and waits until it listens. dir is the directory for
// its socket.
func (b binaries) start(ctx context.Context, dir, server string, w workload.Name, network string) (*child, error) {
	c := &child{server: server, workload: w, network: network}
	var err error
	if c.address, err = freeAddress(network, dir); err != nil {
		return nil, err
	}
	argv := append(append([]string{}, b[server]...), "-addr", network+":"+c.address, "-w", string(w))
	return c, c.start(ctx, argv)
}

// start runs a command and waits until it listens. If the command does not
// listen in time, start stops it.
func (c *child) start(ctx context.Context, argv []string) error {
	c.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the servers that were built
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.lines = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return err
	}
	if err := c.ready(); err != nil {
		return errors.Join(fmt.Errorf("server %s: %w", strings.Join(argv, " "), err), c.stop())
	}
	return nil
}

// freeAddress returns an address at which no process listens at the moment.
func freeAddress(network, dir string) (string, error) {
	if network == "unix" {
		f, err := os.CreateTemp(dir, "*.sock")
		if err != nil {
			return "", err
		}
		return f.Name(), errors.Join(f.Close(), os.Remove(f.Name()))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// startTimeout is how long a server may take to listen.
const startTimeout = 10 * time.Second

func (c *child) ready() error {
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial(c.network, c.address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) || c.exited() {
			return err
		}
	}
}

// exited reports whether the process has ended, even if Wait was not called yet.
func (c *child) exited() bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid), "stat"))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// stop ends the process. If the process has ended by itself, stop returns an
// error with its standard error output.
func (c *child) stop() error {
	if c.exited() {
		return fmt.Errorf("server ended: %w\n%s", c.cmd.Wait(), c.stderr.String())
	}
	_ = c.cmd.Process.Kill() // libmilter takes seconds to end after SIGTERM
	_, _ = io.Copy(io.Discard, c.lines)
	_ = c.cmd.Wait() // it was killed
	if c.network == "unix" {
		return os.Remove(c.address)
	}
	return nil
}

// cpu returns the CPU time of the process.
func (c *child) cpu() (time.Duration, error) {
	cpu, err := process.CPU(c.cmd.Process.Pid)
	if err != nil {
		err = fmt.Errorf("server %s: %w\n%s", c.server, err, c.stderr.String())
	}
	return cpu, err
}

// resident returns the resident memory of the process in bytes.
func (c *child) resident() (int64, error) { return process.Resident(c.cmd.Process.Pid) }

// memory returns the allocations of a server written in Go.
func (c *child) memory() (m serve.Memory, err error) {
	if !inGo(c.server) {
		return m, nil
	}
	if err := c.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return m, err
	}
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(line, &m)
}
