package maddy

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// Server is a running Maddy.
type Server struct {
	addr    string
	sink    *realmta.Sink
	process *testproc.Process
}

// startTries is the number of ports to try. Another process may bind a free port before
// Maddy does.
const startTries = 3

// Start starts a program that [Build] compiled, with the filter at an address. The network
// of the address is "tcp" or "unix". Start returns when Maddy accepts connections, and
// stops it when the test ends. If the test fails, it logs what Maddy logged.
func Start(t testing.TB, program string, filter net.Addr) *Server {
	t.Helper()
	s := &Server{sink: realmta.StartSink(t)}
	for range startTries {
		if s.try(t, program, filter) {
			return s
		}
	}
	t.Fatalf("maddy: it does not start\n%s", s.Log())
	return nil
}

// try starts Maddy on a port that is free. It returns false if Maddy ends at once.
func (s *Server) try(t testing.TB, program string, filter net.Addr) bool {
	t.Helper()
	dir := t.TempDir()
	addr, err := freeAddr()
	if err != nil {
		t.Fatalf("maddy: %v", err)
	}
	s.addr = addr
	file := filepath.Join(dir, "maddy.conf")
	if err := os.WriteFile(file, s.config(dir, filter), 0o600); err != nil {
		t.Fatalf("maddy: %v", err)
	}
	s.process = testproc.Start(t, exec.Command(program, "-config", file, "run")) //nolint:gosec // the program of Build
	if !s.process.Logs("listening on") {
		return false
	}
	t.Cleanup(func() { s.stop(t) })
	return true
}

// config returns the configuration. "starttls no" is for the sink, which has no TLS.
func (s *Server) config(dir string, filter net.Addr) []byte {
	return fmt.Appendf(nil, `state_dir %[1]s/state
runtime_dir %[1]s/run
hostname %[2]s
log stderr
tls off
smtp tcp://%[3]s {
    check {
        milter %[4]s://%[5]s
    }
    deliver_to smtp tcp://%[6]s {
        starttls no
    }
}
`, dir, realmta.Hostname, s.addr, filter.Network(), filter, s.sink.Addr())
}

func (s *Server) stop(t testing.TB) {
	t.Helper()
	s.process.Signal(t, syscall.SIGTERM)
	if err := s.process.Wait(t); err != nil {
		t.Errorf("maddy: %v", err)
	}
	if t.Failed() {
		t.Logf("Maddy has logged:\n%s", s.Log())
	}
}

// Addr returns the host and port of the SMTP listener.
func (s *Server) Addr() string { return s.addr }

// Sink returns the sink that receives all mail.
func (s *Server) Sink() *realmta.Sink { return s.sink }

// Log returns what Maddy has logged so far.
func (s *Server) Log() string { return s.process.Stderr.String() }

// AwaitLog waits until the log contains the text. It fails the test after
// [testproc.Patience].
func (s *Server) AwaitLog(t testing.TB, text string) {
	t.Helper()
	s.process.Await(t, text)
}

// freeAddr returns a loopback address with a port that is free at the moment.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
