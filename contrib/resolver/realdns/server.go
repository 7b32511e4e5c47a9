package realdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// T is what the package needs of a *[testing.T], or of the stand-in for Examples in package
// miltertest.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Cleanup(fn func())
}

// check ends the test if there is an error.
func check(t T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("realdns: %v", err)
		t.FailNow()
	}
}

// Server is a name server. Its methods are not safe for concurrent use, except Addr.
type Server struct {
	dir, port string
	running   *process
}

// startTries is the number of ports to try. Another process may take a free port before the
// server does.
const startTries = 3

// Start starts a server, and stops it when the test ends. A mistake in the zone ends the test.
func Start(t T, zone Zone) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "realdns")
	check(t, err)
	s := &Server{dir: dir}
	t.Cleanup(func() {
		s.Stop(t)
		_ = os.RemoveAll(dir)
	})
	check(t, os.WriteFile(filepath.Join(s.dir, zoneFile), []byte(zone.master()), 0o600))
	for range startTries {
		s.port, err = freePort()
		check(t, err)
		check(t, os.WriteFile(s.config(), []byte(zone.config(s.dir, s.port)), 0o600))
		if err = s.start(); err == nil {
			return s
		}
	}
	check(t, err)
	return s
}

// Addr returns the address of the server, for Servers of a resolver.Config.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

func (s *Server) config() string { return filepath.Join(s.dir, "nsd.conf") }

// Stop stops the server. Its port is closed when Stop returns. It does nothing if the server
// does not run.
func (s *Server) Stop(t T) {
	t.Helper()
	if s.running == nil {
		return
	}
	err := s.running.stop()
	s.running = nil
	check(t, err)
}

// Restart starts the server again, with the same zone and on the same port, after Stop. It
// returns when the server answers.
func (s *Server) Restart(t T) {
	t.Helper()
	s.Stop(t)
	check(t, s.start())
}

// start starts the server, and waits until it answers.
func (s *Server) start() error {
	if out, err := exec.Command("nsd-checkzone", ".", filepath.Join(s.dir, zoneFile)).CombinedOutput(); err != nil { //nolint:gosec // a file of ours
		return fmt.Errorf("the zone, as NSD reads it: %w: %s", err, bytes.TrimSpace(out))
	}
	p, err := startProcess(s.config())
	if err != nil {
		return err
	}
	if err := s.await(p); err != nil {
		return errors.Join(err, p.stop())
	}
	s.running = p
	return nil
}

// readyTimeout limits the wait for the first answer.
const readyTimeout = 2 * time.Minute

// await waits until the server answers.
func (s *Server) await(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	for {
		r, err := resolver.New(resolver.Config{Servers: []string{s.Addr()}, Timeout: time.Second}) // without a cache of failures
		if err != nil {
			return err
		}
		_, err = r.LookupA(ctx, "ready.invalid")
		switch {
		case errors.Is(err, resolver.ErrNXDomain), errors.Is(err, resolver.ErrNoData), err == nil:
			return nil
		case p.hasEnded() || ctx.Err() != nil:
			return fmt.Errorf("NSD does not answer: %w: %s", err, p.log.text())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// freePort returns a port that is free for UDP and TCP.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }()
	pc, err := net.ListenPacket("udp", ln.Addr().String())
	if err != nil {
		return "", err
	}
	_ = pc.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

// process is a running NSD. It ends when its guard's input does, and so also if the test is
// killed.
type process struct {
	guard *exec.Cmd
	input io.Closer
	log   buffer
	ended chan struct{}
}

// guardScript runs NSD until that ends, or until the end of its own input. A shell's process in the
// background has no input, unless by another descriptor.
const guardScript = `trap '' INT HUP TERM
exec 3<&0
(trap - INT HUP TERM; exec nsd -d -c "$1" </dev/null 3<&-) &
nsd=$!
{ cat <&3; kill "$nsd"; } >/dev/null 2>&1 &
wait "$nsd"`

func startProcess(config string) (*process, error) {
	p := &process{guard: exec.Command("sh", "-c", guardScript, "realdns-guard", config), ended: make(chan struct{})} //nolint:gosec // a file of ours
	p.guard.Stdout, p.guard.Stderr = &p.log, &p.log
	input, err := p.guard.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	if err := p.guard.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.guard.Wait() // the status is that of a signal
	}()
	return p, nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stopTimeout limits the wait for the end of NSD.
const stopTimeout = 2 * time.Minute

func (p *process) stop() error {
	_ = p.input.Close()
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		_ = p.guard.Process.Kill()
		return fmt.Errorf("NSD does not end: %s", p.log.text())
	}
}

// buffer keeps what NSD writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
