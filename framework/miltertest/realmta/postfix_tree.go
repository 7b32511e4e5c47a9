package realmta

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

const (
	// mailOwner and dropGroup are made by the package of every distribution.
	mailOwner = "postfix"
	dropGroup = "postdrop"
	// socketDir is below the queue, the working directory of every Postfix
	// process, and is short: a unix socket's path has room for 107 bytes.
	socketDir = "milter"
	// treeParent is where the server's directory is made. Not TMPDIR, nor the
	// test's own directory: Postfix's user must be able to enter each
	// directory on the way down.
	treeParent = "/tmp"
)

// requirePostfix ends the test where no Postfix can run.
func requirePostfix(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("postfix"); err != nil {
		t.Fatalf("realmta: Postfix is not installed (apt-get install postfix): %v", err)
	}
	if os.Geteuid() != 0 {
		t.Fatal("realmta: Postfix must be started by root")
	}
}

// makeTree makes the server's directories and has them removed at the end.
// Postfix would make those of the queue itself, but takes two seconds for it.
func makeTree(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(treeParent, "realmta-") //nolint:usetesting // see treeParent
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, sub := range []string{"", "etc", "queue", "queue/pid", "queue/" + socketDir} {
		err = errors.Join(err, makeDir(filepath.Join(dir, sub), 0o755))
	}
	for sub, mode := range ownedDirs() {
		path := filepath.Join(dir, sub)
		err = errors.Join(err, makeDir(path, mode), giveToMailOwner(path))
	}
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return dir
}

// ownedDirs lists the directories that belong to Postfix's user. Below
// maildrop and public, the sendmail command works with a group's rights.
func ownedDirs() map[string]os.FileMode {
	modes := map[string]os.FileMode{"data": 0o700, "queue/maildrop": 0o730, "queue/public": 0o710}
	for _, queue := range []string{
		"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
		"incoming", "private", "saved", "trace",
	} {
		modes["queue/"+queue] = 0o700
	}
	return modes
}

// makeDir makes a directory with just this mode, whatever the umask.
func makeDir(path string, mode os.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func giveToMailOwner(path string) error {
	owner, err := user.Lookup(mailOwner)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	group, err := user.LookupGroup(dropGroup)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}

// ListenUnix listens on a unix socket of that name in [Postfix.SocketDir],
// with a mode that lets Postfix connect. It returns the listener and the
// address in Postfix's syntax, for smtpd_milters. The listener is closed when
// the test ends.
func (p *Postfix) ListenUnix(t testing.TB, name string) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(p.SocketDir(), name)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return listener, "unix:" + filepath.Join(socketDir, name)
}

// freeAddr returns a loopback address that was free a moment ago.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// splitAddr splits an address of a listener, which always has a port.
func splitAddr(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}
