//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestReloadOfFilesThatBlock puts a FIFO in the place of each file that dkimd
// reads. dkimd names the file, goes on with the old configuration, and reloads
// again once the files are regular.
func TestReloadOfFilesThatBlock(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "ed25519", "example.org", "one")
	dir := t.TempDir()
	paths := map[string]string{}
	for name, text := range map[string]string{
		"hosts": "127.0.0.1\n", "records": read(t, records), "key.pem": read(t, key),
		"KeyTable": "k example.net:one:DIR/key.pem\n", "SigningTable": "*@example.net k\n",
		"dkimd.yaml": "mode: sign\ntrust: {hosts_file: DIR/hosts}\ndns: {records: DIR/records}\n" +
			"keys: [{name: a, domain: example.org, selector: one, file: DIR/key.pem}]\n" +
			"signing: {rules: [{senders: [example.org], keys: [a]}], opendkim: {key_table: DIR/KeyTable, signing_table: 'refile:DIR/SigningTable'}}\n",
	} {
		paths[name] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(paths[name], []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
	}
	p := start(t, "-config", paths["dkimd.yaml"])
	address, _ := p.await(t, "serving")["address"].(string)
	conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
	require.NoError(t, err)
	for name, path := range paths {
		require.NoError(t, os.Rename(path, path+".kept"))
		require.NoError(t, unix.Mkfifo(path, 0o600))
		p.hangUp(t)
		line := p.await(t, "configuration not reloaded: the old one stays in force")
		assert.Contains(t, line["error"], path+": not a regular file: it is a named pipe (FIFO)", name)
		assert.Contains(t, signature(t, conn), "s=one;", name)
		require.NoError(t, os.Rename(path+".kept", path))
		p.hangUp(t)
		p.await(t, "configuration reloaded")
	}
	require.NoError(t, conn.Quit(t.Context()))
}

// TestStopWhileAFileHangs reloads while a key file cannot be read for seconds,
// because this process has a lease on it. dkimd logs a further SIGHUP, signs, and
// drains at once at SIGTERM.
func TestStopWhileAFileHangs(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "one")
	p := launch(t, "-config", write(t, "dkimd.yaml", "mode: sign\nkeys: [{name: a, domain: example.org, selector: one, file: "+key+"}]\n"+
		"signing: {rules: [{senders: [example.org], keys: [a]}]}\n"))
	address, _ := p.await(t, "serving")["address"].(string)
	f, err := os.OpenFile(key, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("the file system has no leases: %v", err)
	}
	busy := func(l testproc.Line) bool { return l.Str("msg") == "still reloading; reloading again afterwards" }
	for len(p.log.Lines(busy)) == 0 { // the first signal may not be handled yet
		p.hangUp(t)
		time.Sleep(10 * time.Millisecond)
	}
	conn, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
	require.NoError(t, err)
	assert.Contains(t, signature(t, conn), "s=one;")
	require.NoError(t, conn.Quit(t.Context()))
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
	// On a busy machine the first read may have given up by itself. The second one follows it.
	stopping := func(l testproc.Line) bool {
		return l.Str("msg") == "configuration not reloaded: the old one stays in force" && strings.Contains(l.Str("error"), "the program is stopping")
	}
	p.log.Await(t, stopping)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
