//go:build integration

package realmta_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// The variables of the environment that choose the servers.
const (
	releaseVariable = "SLUICE_RELEASE"
	cacheVariable   = "SLUICE_MTA_CACHE"
)

// TestServers logs which servers the tests run with, which .ci/matrix prints.
func TestServers(t *testing.T) {
	t.Parallel()
	postfix, sendmail := realmta.StartPostfix(t, realmta.PostfixConfig{}), realmta.StartSendmail(t, realmta.SendmailConfig{})
	t.Logf("realmta: the servers are Postfix %s, Sendmail %s", postfix.Version(), sendmail.Version())
	postfix.AwaitLog(t, "daemon started -- version "+postfix.Version()+",")
	sendmail.AwaitLog(t, "starting daemon ("+sendmail.Version()+"): ")
}

// TestPostfixCommand shows that a command is of the version of the server, and is for
// its queue.
func TestPostfixCommand(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for name, want := range map[string]string{"mail_version": mta.Version(), "queue_directory": mta.QueueDir()} {
		out, err := mta.Command(t.Context(), "postconf", "-h", name).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, want+"\n", string(out))
	}
}

// TestReleaseMissing shows that a test fails, and is not skipped, if the servers of the
// release that it is asked to use cannot run, and says what to do.
func TestReleaseMissing(t *testing.T) {
	if os.Getenv("REALMTA_START") != "" {
		if os.Getenv("REALMTA_START") == "postfix" {
			realmta.StartPostfix(t, realmta.PostfixConfig{})
		} else {
			realmta.StartSendmail(t, realmta.SendmailConfig{})
		}
		return
	}
	t.Parallel()
	cache := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(cache, "empty/etc"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(cache, "empty/etc/debian_version"), nil, 0o600))
	const remedy = `run "make mtas" as root, after removing `
	tests := map[string]struct {
		start, release, env string
		user                uint32
		want                string
	}{
		"no folder":   {release: "nosuch", want: `SLUICE_RELEASE=nosuch: there is no such folder (run "make mtas RELEASE=nosuch" as root)`},
		"no name":     {release: "../trixie", want: "SLUICE_RELEASE=../trixie is not the name of a Debian release"},
		"hidden":      {release: "..", want: "SLUICE_RELEASE=.. is not the name of a Debian release"},
		"no root":     {release: "empty", user: 65534, want: "SLUICE_RELEASE=empty: only root can run servers in a folder"},
		"no command":  {release: "empty", env: "PATH=/nonexistent", want: "running servers in a folder requires the command unshare"},
		"no Postfix":  {release: "empty", want: "Postfix is not installed (" + remedy + cache + "/empty)"},
		"no Sendmail": {start: "sendmail", release: "empty", want: "Sendmail is not unpacked in " + cache + "/empty/opt/sluice-sendmail (" + remedy},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestReleaseMissing$")
			cmd.Env = append(os.Environ(), "REALMTA_START="+cmp.Or(tt.start, "postfix"),
				cacheVariable+"="+cache, releaseVariable+"="+tt.release, tt.env)
			if tt.user != 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tt.user, Gid: tt.user}}
			}
			out, err := cmd.CombinedOutput()
			require.Error(t, err, string(out))
			assert.Contains(t, string(out), "--- FAIL: TestReleaseMissing")
			assert.Contains(t, strings.ReplaceAll(string(out), "\n", " "), tt.want)
		})
	}
}
