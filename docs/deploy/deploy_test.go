// Package deploy_test checks the units: systemd accepts them, their exposure is
// low, and their commands are valid for the program.
package deploy_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// installed is the directory of the programs in the units.
const installed = "/usr/local/bin/"

// daemons returns the names of the daemons that have units here.
func daemons() []string { return []string{"headerd", "dkimd", "sluiced"} }

// bin is the folder of the built daemons.
var bin string

func TestMain(m *testing.M) {
	status, err := withDaemons(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// withDaemons builds the daemons, once for all tests, and calls run.
func withDaemons(run func() int) (status int, err error) {
	if bin, err = os.MkdirTemp("", "deploy"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	var folders []string
	for _, name := range daemons() {
		folders = append(folders, "../../examples/"+name)
	}
	if err := testproc.BuildInto(bin, folders...); err != nil {
		return 1, err
	}
	return run(), nil
}

// built returns the path of the program that the units start.
func built(daemon string) string { return filepath.Join(bin, daemon) }

// units copies the units, as if the program were installed, and returns the
// path of the copies.
func units(t *testing.T, daemon, program string) (socket, service string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{daemon + ".socket", daemon + ".service"} {
		text := strings.ReplaceAll(read(t, name), installed+daemon, program)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return filepath.Join(dir, daemon+".socket"), filepath.Join(dir, daemon+".service")
}

// sample copies the sample of a daemon's configuration, and makes the files that
// it names. It returns the path of the copy.
func sample(t *testing.T, daemon, program string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, daemon+".yaml")
	text := strings.ReplaceAll(read(t, "../../examples/"+daemon+"/"+sampleOf(daemon)), "/etc/dkimd/", dir+"/")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	if daemon == "dkimd" {
		out, err := exec.CommandContext(t.Context(), program, "keygen", "-domain", "example.org", "-selector", "s2026", "-out", filepath.Join(dir, "s2026.pem")).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return config
}

// sampleOf returns the name of a daemon's sample.
func sampleOf(daemon string) string {
	if daemon == "sluiced" {
		return "mx.yaml"
	}
	return daemon + ".yaml"
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// If systemd is installed, systemd-analyze finds no mistakes in the units, and
// rates the exposure of each service at 2.0 of 10 at most. headerd, which needs no
// network, is at 1.0.
func TestSystemdAccepts(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze: the units are read by the other tests alone")
		return
	}
	threshold := map[string]string{"headerd": "10", "dkimd": "20", "sluiced": "20"}
	for _, daemon := range daemons() {
		t.Run(daemon, func(t *testing.T) {
			t.Parallel()
			socket, service := units(t, daemon, built(daemon))
			out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", socket, service).CombinedOutput()
			require.NoError(t, err, string(out))
			assert.NotContains(t, string(out), daemon, "not even a warning")
			out, err = exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold="+threshold[daemon], service).CombinedOutput()
			assert.NoError(t, err, string(out))
			t.Log(regexp.MustCompile(`Overall exposure.*`).FindString(string(out)))
		})
	}
}

// The program accepts the flags in the commands of the service.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, daemon := range daemons() {
		t.Run(daemon, func(t *testing.T) {
			t.Parallel()
			program := built(daemon)
			config := sample(t, daemon, program)
			lines := regexp.MustCompile(`(?m)^Exec(?:Start|Reload)=`+installed+daemon+` (.*)$`).FindAllStringSubmatch(read(t, daemon+".service"), -1)
			require.Len(t, lines, 2)
			for _, line := range lines {
				args := strings.Fields(strings.ReplaceAll(line[1], "/etc/"+daemon+"/"+daemon+".yaml", config))
				out, err := exec.CommandContext(t.Context(), program, append(args, "-check")...).CombinedOutput()
				require.NoError(t, err, string(out))
				assert.Contains(t, string(out), config+": ok")
			}
		})
	}
}

// The program sends READY=1, for which a unit of Type=notify waits, and
// WATCHDOG=1 as often as the unit requires. At a hand-over it sends MAINPID, for
// which the unit must accept messages of the main process, and must not kill the
// process that drains.
func TestServiceIsNotified(t *testing.T) {
	t.Parallel()
	for _, daemon := range daemons() {
		t.Run(daemon, func(t *testing.T) {
			t.Parallel()
			unit := read(t, daemon+".service")
			assert.Regexp(t, `(?m)^Type=notify$`, unit)
			assert.Regexp(t, `(?m)^WatchdogSec=\d+$`, unit)
			assert.Regexp(t, `(?m)^NotifyAccess=main$`, unit)
			assert.NotRegexp(t, `(?m)^KillMode=`, unit, "the default is right")
			assert.Regexp(t, `(?m)^RuntimeDirectory=`+daemon+`$`, unit)
			assert.Contains(t, unit, " -handover /run/"+daemon+"/pid\n")
			dir := t.TempDir()
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
			require.NoError(t, err)
			defer func() { _ = manager.Close() }()
			program, pidFile := built(daemon), filepath.Join(dir, "pid")
			cmd := exec.CommandContext(t.Context(), program, "-config", sample(t, daemon, program), "-listen", "unix:"+filepath.Join(dir, "s"), "-handover", pidFile)
			cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+manager.LocalAddr().String(), "WATCHDOG_USEC=30000000")
			p := testproc.Start(t, cmd)
			told := func() string {
				buf := make([]byte, 4096)
				require.NoError(t, manager.SetReadDeadline(time.Now().Add(time.Minute)))
				n, err := manager.Read(buf)
				require.NoError(t, err)
				return string(buf[:n])
			}
			assert.Contains(t, told(), "READY=1\n")
			assert.Equal(t, "WATCHDOG=1", told())
			next := succeed(t, p, pidFile, p.PID(), 1)
			awaits := func(want string) {
				for {
					if text := told(); text != "WATCHDOG=1" {
						assert.Equal(t, want, text)
						return
					}
				}
			}
			awaits("MAINPID=" + strconv.Itoa(next))
			require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
			awaits("STOPPING=1\nSTATUS=draining")
			require.NoError(t, p.Wait(t), p.Stderr.String())
		})
	}
}

// The program takes over the socket that systemd passes to it. The first
// message waits until the program serves. The program hands the socket over.
func TestSocketIsPassed(t *testing.T) {
	t.Parallel()
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Log("no systemd-socket-activate: tests of the framework pass a socket in its place")
		return
	}
	field := map[string]string{"headerd": "X-Client", "dkimd": "Authentication-Results", "sluiced": "Authentication-Results"}
	for _, daemon := range daemons() {
		t.Run(daemon, func(t *testing.T) {
			t.Parallel()
			path, program, pidFile := filepath.Join(t.TempDir(), "s"), built(daemon), filepath.Join(t.TempDir(), "pid")
			cmd := exec.CommandContext(t.Context(), activate, "--listen="+path, "--fdname=milter",
				program, "-config", sample(t, daemon, program), "-listen", "fd:milter", "-handover", pidFile)
			p := testproc.Start(t, cmd)
			require.Eventually(t, func() bool {
				conn, err := net.Dial("unix", path)
				if err == nil {
					_ = conn.Close()
				}
				return err == nil
			}, time.Minute, 10*time.Millisecond)
			require.True(t, deliver(t, "unix:"+path, field[daemon]))
			next := succeed(t, p, pidFile, p.PID(), 1)
			require.True(t, deliver(t, "unix:"+path, field[daemon]))
			require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
			require.NoError(t, p.Wait(t), "the exit status is 0")
		})
	}
}

// The socket unit has the name that the program asks for, and the path that the
// page configures in Postfix.
func TestNamesAgree(t *testing.T) {
	t.Parallel()
	for _, daemon := range daemons() {
		t.Run(daemon, func(t *testing.T) {
			t.Parallel()
			socket := read(t, daemon+".socket")
			name := regexp.MustCompile(`(?m)^FileDescriptorName=(.*)$`).FindStringSubmatch(socket)
			require.Len(t, name, 2)
			assert.Contains(t, read(t, daemon+".service"), " -listen fd:"+name[1]+" ")
			path := regexp.MustCompile(`(?m)^ListenStream=/var/spool/postfix/(.*)$`).FindStringSubmatch(socket)
			require.Len(t, path, 2)
			assert.Contains(t, read(t, "README.md"), "smtpd_milters=unix:"+path[1])
		})
	}
}
