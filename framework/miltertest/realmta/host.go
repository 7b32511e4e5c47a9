package realmta

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/internal/counts"
)

// Hostname is the host name of the servers of this package. They use it in
// their greeting and in the Received field that they add.
const Hostname = "mx.example.test"

const (
	// socketDir is relative to Postfix's queue directory, which is the
	// working directory of every Postfix process. The name is short because
	// the path of a unix socket is limited to 107 bytes.
	socketDir = "milter"
	// tempDir is where the server's directory is created. TMPDIR and the
	// test's own directory do not work, because Postfix's user must be able
	// to enter each directory of the path.
	tempDir = "/tmp"
)

// waitLimit bounds every wait in this package that has no specific limit.
const waitLimit = 2 * time.Minute

// poll calls done until it returns true or the limit has passed, and returns
// the result.
func poll(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// startTries is the number of ports to try. Another process may bind a free
// port before the server does.
const startTries = 3

// countStart counts a server, so that a run can tell that it had servers.
func countStart(t testing.TB, mta MTA) {
	t.Helper()
	counts.Add(t, 1, "realmta: servers started, "+mta.Name())
}

// makeDir creates a directory with exactly the given mode, whatever the umask
// is.
func makeDir(path string, mode os.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// freeAddr returns a loopback address with a port that is currently free.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// splitAddr splits the address of a listener, which always has a port.
func splitAddr(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}

func listenTCP(t testing.TB, network string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// socketName returns an unused file name for a socket in the directory.
func socketName(dir string) string {
	for n := 1; ; n++ {
		name := "filter" + strconv.Itoa(n) + ".sock"
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return name
		}
	}
}
