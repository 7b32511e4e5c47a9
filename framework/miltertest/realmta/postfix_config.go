package realmta

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mainParams is the configuration of a server that changes a message as
// little as Postfix can: what arrives at the sink is what the client sent,
// plus one Received field, plus what the filters did.
func (p *Postfix) mainParams(cfg PostfixConfig) map[string]string {
	params := map[string]string{
		"compatibility_level":   "3.6",
		"queue_directory":       p.QueueDir(),
		"data_directory":        filepath.Join(p.dir, "data"),
		"mail_owner":            mailOwner,
		"maillog_file":          p.logPath(),
		"maillog_file_prefixes": p.dir,
		"myhostname":            Hostname,
		"mydestination":         "",
		"mynetworks":            "127.0.0.0/8",
		"inet_interfaces":       "127.0.0.1",
		"inet_protocols":        "ipv4",
		"alias_maps":            "",
		"alias_database":        "",
		"local_recipient_maps":  "",
		"relay_domains":         "example.test",
		"relay_transport":       p.sinkTransport(),
		"default_transport":     p.sinkTransport(),
		"smtpd_milters":         strings.Join(cfg.Milters, ", "),
		"milter_default_action": "tempfail",
		"realmta_max_use":       "1",
	}
	maps.Copy(params, untouchedParams())
	maps.Copy(params, unlimitedParams())
	maps.Copy(params, cfg.Main)
	return params
}

// untouchedParams keep Postfix from rewriting. A client on this host counts
// as local by default, and a local client's headers are completed; lines over
// 998 bytes are folded on delivery.
func untouchedParams() map[string]string {
	return map[string]string{
		"local_header_rewrite_clients": "",
		"smtp_line_length_limit":       "0",
		"notify_classes":               "",
	}
}

// unlimitedParams take away what slows or cuts off a client that sends many
// messages, or provokes many errors, and keep all recipients of a message in
// one delivery.
func unlimitedParams() map[string]string {
	return map[string]string{
		"smtpd_relay_restrictions":            "permit_mynetworks, reject",
		"smtpd_client_connection_rate_limit":  "0",
		"smtpd_client_connection_count_limit": "0",
		"smtpd_error_sleep_time":              "0",
		"smtpd_soft_error_limit":              "1000",
		"smtpd_hard_error_limit":              "1000",
		"smtpd_junk_command_limit":            "1000",
		"in_flow_delay":                       "0",
		"default_destination_recipient_limit": "0",
	}
}

func (p *Postfix) sinkTransport() string {
	host, port := splitAddr(p.sink.Addr())
	return fmt.Sprintf("smtp:[%s]:%s", host, port)
}

// masterCF lists the services that taking in, filtering and delivering need,
// none of them in a chroot. A process that takes mail serves one client and
// ends (realmta_max_use), so that none with an old configuration is left idle
// after a reload.
func (p *Postfix) masterCF() string {
	return p.addr + ` inet n - n - - smtpd -o max_use=$realmta_max_use
pickup     unix  n - n 60    1 pickup
cleanup    unix  n - n -     0 cleanup -o max_use=$realmta_max_use
qmgr       unix  n - n 300   1 qmgr
rewrite    unix  - - n -     - trivial-rewrite
bounce     unix  - - n -     0 bounce
defer      unix  - - n -     0 bounce
trace      unix  - - n -     0 bounce
verify     unix  - - n -     1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n -     - proxymap
proxywrite unix  - - n -     1 proxymap
smtp       unix  - - n -     - smtp
relay      unix  - - n -     - smtp
showq      unix  n - n -     - showq
error      unix  - - n -     - error
retry      unix  - - n -     - error
discard    unix  - - n -     - discard
anvil      unix  - - n -     1 anvil
scache     unix  - - n -     1 scache
postlog    unix-dgram n - n - 1 postlogd
`
}

func (p *Postfix) writeConfig() error {
	var main strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.params)) {
		fmt.Fprintf(&main, "%s = %s\n", name, p.params[name])
	}
	if err := writeReadable(filepath.Join(p.ConfigDir(), "main.cf"), main.String()); err != nil {
		return err
	}
	return writeReadable(filepath.Join(p.ConfigDir(), "master.cf"), p.masterCF())
}

// writeReadable writes a file that Postfix's user can read, whatever the umask
// says. The file is dated back, because Postfix waits with a file that was
// changed within the last seconds, and appears as a whole: a process of Postfix's
// that starts at that moment reads it, and dies of a half.
func writeReadable(path, text string) error {
	fresh, past := path+".new", time.Now().Add(-time.Hour)
	if err := os.WriteFile(fresh, []byte(text), 0o644); err != nil {
		return err
	}
	return errors.Join(os.Chmod(fresh, 0o644), os.Chtimes(fresh, past, past), os.Rename(fresh, path))
}

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
