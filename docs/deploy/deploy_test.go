// Package deploy_test checks the units: systemd accepts them, their exposure is
// low, and their commands are valid for the program.
package deploy_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const installed = "/usr/local/bin/headerd"

// build compiles the program that the units start.
func build(t *testing.T) string {
	t.Helper()
	return testproc.Build(t, "../../examples/headerd")
}

// units copies the units, as if the program were installed, and returns the
// path of the copies.
func units(t *testing.T, program string) (socket, service string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"headerd.socket", "headerd.service"} {
		text := strings.ReplaceAll(read(t, name), installed, program)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return filepath.Join(dir, "headerd.socket"), filepath.Join(dir, "headerd.service")
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// If systemd is installed, systemd-analyze finds no mistakes in the units, and
// rates the exposure of the service at 1.0 of 10 at most.
func TestSystemdAccepts(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze: the units are read by the other tests alone")
		return
	}
	socket, service := units(t, build(t))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", socket, service).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.NotContains(t, string(out), "headerd", "not even a warning")
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold=10", service).CombinedOutput()
	assert.NoError(t, err, string(out))
	t.Log(regexp.MustCompile(`Overall exposure.*`).FindString(string(out)))
}

// The program accepts the flags in the commands of the service.
func TestCommands(t *testing.T) {
	t.Parallel()
	program := build(t)
	config, err := filepath.Abs("../../examples/headerd/headerd.yaml")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^Exec(?:Start|Reload)=`+installed+` (.*)$`).FindAllStringSubmatch(read(t, "headerd.service"), -1)
	require.Len(t, lines, 2)
	for _, line := range lines {
		args := strings.Fields(strings.ReplaceAll(line[1], "/etc/headerd/headerd.yaml", config))
		out, err := exec.CommandContext(t.Context(), program, append(args, "-check")...).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Contains(t, string(out), config+": ok")
	}
}

// The program sends READY=1, for which a unit of Type=notify waits, and
// WATCHDOG=1 as often as the unit requires.
func TestServiceIsNotified(t *testing.T) {
	t.Parallel()
	unit := read(t, "headerd.service")
	assert.Regexp(t, `(?m)^Type=notify$`, unit)
	assert.Regexp(t, `(?m)^WatchdogSec=\d+$`, unit)
	dir := t.TempDir()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	require.NoError(t, err)
	defer func() { _ = manager.Close() }()
	cmd := exec.CommandContext(t.Context(), build(t), "-config", "../../examples/headerd/headerd.yaml", "-listen", "unix:"+filepath.Join(dir, "s"))
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+manager.LocalAddr().String(), "WATCHDOG_USEC=30000000")
	p := testproc.Start(t, cmd)
	told := func() string {
		buf := make([]byte, 4096)
		require.NoError(t, manager.SetReadDeadline(time.Now().Add(20*time.Second)))
		n, err := manager.Read(buf)
		require.NoError(t, err)
		return string(buf[:n])
	}
	assert.Contains(t, told(), "READY=1\n")
	assert.Equal(t, "WATCHDOG=1", told())
	p.Signal(t, syscall.SIGTERM)
	assert.Contains(t, told(), "STOPPING=1\n")
	require.NoError(t, p.Wait(t), p.Stderr.String())
}

// The program takes over the socket that systemd passes to it. The first
// message waits until the program serves.
func TestSocketIsPassed(t *testing.T) {
	t.Parallel()
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Log("no systemd-socket-activate: tests of the framework pass a socket in its place")
		return
	}
	path := filepath.Join(t.TempDir(), "s")
	cmd := exec.CommandContext(t.Context(), activate, "--listen="+path, "--fdname=milter",
		build(t), "-config", "../../examples/headerd/headerd.yaml", "-listen", "fd:milter")
	p := testproc.Start(t, cmd)
	var conn *mta.Conn
	require.Eventually(t, func() bool {
		conn, err = mta.Dial(t.Context(), "unix:"+path, mta.Config{})
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	outcome, err := conn.Send(t.Context(), &mta.Message{Body: []byte("hello\r\n")})
	require.NoError(t, err)
	assert.Equal(t, wire.RepReplyCode, outcome.Verdict.Code, "the sample wants a From")
	require.NoError(t, conn.Quit(t.Context()))
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t), "the exit status is 0")
}

// The socket unit has the name that the program asks for, and the path that the
// page configures in Postfix.
func TestNamesAgree(t *testing.T) {
	t.Parallel()
	socket := read(t, "headerd.socket")
	name := regexp.MustCompile(`(?m)^FileDescriptorName=(.*)$`).FindStringSubmatch(socket)
	require.Len(t, name, 2)
	assert.Contains(t, read(t, "headerd.service"), " -listen fd:"+name[1]+" ")
	path := regexp.MustCompile(`(?m)^ListenStream=/var/spool/postfix/(.*)$`).FindStringSubmatch(socket)
	require.Len(t, path, 2)
	assert.Contains(t, read(t, "README.md"), "smtpd_milters=unix:"+path[1])
}
