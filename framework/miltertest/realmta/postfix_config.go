package realmta

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mainParams returns a configuration that changes a message as little as
// possible. The sink receives what the client sent, one additional Received
// field, and the modifications of the filters.
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
	maps.Copy(params, noRewriteParams())
	maps.Copy(params, noLimitParams())
	maps.Copy(params, cfg.Main)
	return params
}

// noRewriteParams disables rewriting. By default, Postfix treats a client on
// this host as local and completes the header of its messages, and it folds
// lines longer than 998 bytes on delivery.
func noRewriteParams() map[string]string {
	return map[string]string{
		"local_header_rewrite_clients": "",
		"smtp_line_length_limit":       "0",
		"notify_classes":               "",
	}
}

// noLimitParams removes the limits and delays for clients that send many
// messages or cause many errors. It also makes Postfix deliver to all
// recipients of a message in one transaction.
func noLimitParams() map[string]string {
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

// masterCF returns the services that are necessary to receive, filter and
// deliver mail. If the configuration asks for it, those that Debian's master.cf
// runs in a chroot run in one, and else none. The processes that receive mail
// serve one client and exit (realmta_max_use), so that no idle process keeps an
// old configuration after a reload.
//
// The master process wakes the queue manager every 3 seconds. After a reload it stops the
// old queue manager as soon as that has nothing to do, which may be when a message is in
// its queue and not yet delivered. The next one begins when it is woken.
func (p *Postfix) masterCF() string {
	chroot := "n"
	if p.chroot {
		chroot = "y"
	}
	return strings.ReplaceAll(p.addr+` inet n - CHROOT - - smtpd -o max_use=$realmta_max_use
pickup     unix  n - CHROOT 60    1 pickup
cleanup    unix  n - CHROOT -     0 cleanup -o max_use=$realmta_max_use
qmgr       unix  n - n 3     1 qmgr
rewrite    unix  - - CHROOT -     - trivial-rewrite
bounce     unix  - - CHROOT -     0 bounce
defer      unix  - - CHROOT -     0 bounce
trace      unix  - - CHROOT -     0 bounce
verify     unix  - - CHROOT -     1 verify
flush      unix  n - CHROOT 1000? 0 flush
proxymap   unix  - - n -     - proxymap
proxywrite unix  - - n -     1 proxymap
smtp       unix  - - CHROOT -     - smtp
relay      unix  - - CHROOT -     - smtp
showq      unix  n - CHROOT -     - showq
error      unix  - - CHROOT -     - error
retry      unix  - - CHROOT -     - error
discard    unix  - - CHROOT -     - discard
anvil      unix  - - CHROOT -     1 anvil
scache     unix  - - CHROOT -     1 scache
tlsmgr     unix  - - CHROOT 1000? 1 tlsmgr
postlog    unix-dgram n - n - 1 postlogd
`, "CHROOT", chroot)
}

func (p *Postfix) writeConfig() error {
	var main strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.params)) {
		fmt.Fprintf(&main, "%s = %s\n", name, p.params[name])
	}
	if err := writeConfigFile(filepath.Join(p.ConfigDir(), "main.cf"), main.String()); err != nil {
		return err
	}
	return writeConfigFile(filepath.Join(p.ConfigDir(), "master.cf"), p.masterCF())
}

// writeConfigFile writes a file that Postfix's user can read, whatever the
// umask is. It sets an old modification time, because Postfix delays reading a
// file that was changed within the last seconds. It replaces the file
// atomically, because a Postfix process that starts at that moment fails if it
// reads an incomplete file.
func writeConfigFile(path, text string) error {
	fresh, past := path+".new", time.Now().Add(-time.Hour)
	if err := os.WriteFile(fresh, []byte(text), 0o644); err != nil {
		return err
	}
	return errors.Join(os.Chmod(fresh, 0o644), os.Chtimes(fresh, past, past), os.Rename(fresh, path))
}

const (
	// Every distribution's package creates mailOwner and dropGroup.
	mailOwner = "postfix"
	dropGroup = "postdrop"
)

// requirePostfix returns the release whose Postfix runs. It ends the test if
// Postfix cannot run.
func requirePostfix(t testing.TB) release {
	t.Helper()
	rel, err := findRelease(os.Getenv)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	if rel.root != "" {
		_, err = os.Stat(rel.path("usr/lib/postfix/sbin/master"))
	} else {
		_, err = exec.LookPath("postfix")
	}
	if err != nil {
		t.Fatalf("realmta: Postfix is not installed (%s): %v", rel.remedy("apt-get install postfix"), err)
	}
	if os.Geteuid() != 0 {
		t.Fatal("realmta: Postfix must be started by root")
	}
	return rel
}

// makePostfixDirs creates the server's directories and removes them when the
// test ends. Postfix would create the queue directories itself, but takes two
// seconds.
func makePostfixDirs(t testing.TB, rel release) string {
	t.Helper()
	dir, err := os.MkdirTemp(tempDir, "realmta-") //nolint:usetesting // see tempDir
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, sub := range []string{"", "etc", "queue", "queue/pid", "queue/" + socketDir} {
		err = errors.Join(err, makeDir(filepath.Join(dir, sub), 0o755))
	}
	var owned []string
	for sub, mode := range ownedDirs() {
		path := filepath.Join(dir, sub)
		err = errors.Join(err, makeDir(path, mode))
		owned = append(owned, path)
	}
	if err = errors.Join(err, chownToMailOwner(rel, owned)); err != nil {
		t.Fatalf("realmta: %v", err)
	}
	return dir
}

// ownedDirs lists the directories that belong to Postfix's user. The sendmail
// command accesses maildrop and public with the rights of a group.
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

// chownToMailOwner gives directories to Postfix's user. The numbers of the user
// and of the group differ between releases.
func chownToMailOwner(rel release, paths []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	args := append([]string{mailOwner + ":" + dropGroup}, paths...)
	if out, err := rel.command(ctx, "chown", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("chown: %w\n%s", err, out)
	}
	return nil
}

// postfixFilter returns an address in the syntax of smtpd_milters.
func postfixFilter(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	return "inet:" + addr.String()
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }
