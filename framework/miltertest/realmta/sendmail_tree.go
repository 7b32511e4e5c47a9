package realmta

import (
	"cmp"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

const (
	// sendmailVariable overrides sendmailRoot, for the tests and for
	// .ci/install.
	sendmailVariable = "SLUICE_SENDMAIL"
	// sendmailRoot is where .ci/install unpacks Sendmail.
	sendmailRoot = "/opt/sluice-sendmail"
)

// requireSendmail returns where Sendmail was unpacked, and ends the test where
// it cannot run.
func requireSendmail(t testing.TB) string {
	t.Helper()
	root := cmp.Or(os.Getenv(sendmailVariable), sendmailRoot)
	for _, file := range []string{"usr/libexec/sendmail/sendmail", "usr/share/sendmail/cf/m4/cf.m4"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil { //nolint:gosec // the tester's own variable
			t.Fatalf("realmta: Sendmail is not unpacked in %s (run \"make install\" as root, or set %s): %v",
				root, sendmailVariable, err)
		}
	}
	for _, command := range []string{"m4", "unshare", "hostname"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Fatalf("realmta: Sendmail's test needs %s (run \"make install\" as root): %v", command, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Fatal("realmta: Sendmail must be started by root")
	}
	return root
}

// makeSendmailTree makes the server's directories and has them removed at the
// end. The queue must be closed to others.
func makeSendmailTree(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(treeParent, "realmta-") //nolint:usetesting // a unix socket needs a short path
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	err = errors.Join(
		makeDir(dir, 0o755),
		makeDir(filepath.Join(dir, "mqueue"), 0o700),
		makeDir(filepath.Join(dir, socketDir), 0o755),
		os.WriteFile(filepath.Join(dir, "statistics"), nil, 0o600), // else each message logs that it is not there
	)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return dir
}

// ListenUnix listens on a unix socket of that name in [Sendmail.SocketDir]. It
// returns the listener and the address in Sendmail's syntax. The listener is
// closed when the test ends.
func (s *Sendmail) ListenUnix(t testing.TB, name string) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(s.SocketDir(), name)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener, sendmailFilter(listener.Addr())
}

// Listen implements [MTA].
func (s *Sendmail) Listen(t testing.TB, network string) net.Listener {
	t.Helper()
	if network == "unix" {
		listener, _ := s.ListenUnix(t, socketName(s.SocketDir()))
		return listener
	}
	return listenTCP(t, network)
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

// socketName returns a name that is not taken in the directory.
func socketName(dir string) string {
	for n := 1; ; n++ {
		name := "filter" + strconv.Itoa(n) + ".sock"
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return name
		}
	}
}
