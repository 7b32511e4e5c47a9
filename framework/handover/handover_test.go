package handover_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/handover"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// servedBy sends a message and returns the process that filtered it.
func servedBy(t *testing.T, address string) int {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{})
	require.NoError(t, err)
	outcome, err := conn.Send(t.Context(), &mta.Message{Body: []byte("hello\r\n")})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	return process(t, outcome.Edited)
}

func process(t *testing.T, msg *mta.Message) int {
	t.Helper()
	require.NotNil(t, msg)
	for _, field := range msg.Header {
		if field.Name == "X-Pid" {
			n, err := strconv.Atoi(strings.TrimSpace(field.Value))
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "no process has filtered the message")
	return 0
}

// freePort returns an address that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return "inet:" + ln.Addr().String()
}

func TestSuccession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "x.sock")
	at := []string{"unix:" + socket + "?mode=0640", freePort(t)}
	f := newFamily(t, dir, nil, at...)
	before, err := os.Stat(socket)
	require.NoError(t, err)
	first := f.main()

	inFlight, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
	require.NoError(t, err)
	_, err = inFlight.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, inFlight.Flush(t.Context()))
	second := f.succeed(t)
	f.says(t, "msg=draining", 1) // the first one no longer accepts soon after
	assert.Eventually(t, func() bool { return servedBy(t, "unix:"+socket) == second }, time.Minute, time.Millisecond)
	assert.Eventually(t, func() bool { return servedBy(t, at[1]) == second }, time.Minute, time.Millisecond)
	_, edits, err := inFlight.EndOfMessage(t.Context(), nil)
	require.NoError(t, err, "the message in flight finishes")
	require.Len(t, edits, 1)
	assert.Equal(t, strconv.Itoa(first), edits[0].(*wire.InsertHeader).Value, "where it began")
	require.NoError(t, inFlight.Quit(t.Context()))
	require.NoError(t, f.cmd.Wait(), "the exit status is 0")

	third := f.succeed(t)
	assert.NotEqual(t, second, third)
	f.says(t, "msg=drained", 2)
	assert.Equal(t, third, servedBy(t, "unix:"+socket))
	after, err := os.Stat(socket)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "the file was there all the time")
	assert.Equal(t, os.FileMode(0o640), after.Mode().Perm())
	f.end(t)
	assert.NoFileExists(t, socket, "it ends with the last one")
	assert.NoFileExists(t, filepath.Join(dir, pidFile), "as does that of its number, which another process may have by then")
	assert.Equal(t, 2, strings.Count(f.log(), `msg="took over"`))
}

// If a successor cannot serve for any reason, the old process continues to
// serve and tries again at the next signal.
func TestNoSuccessor(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, f *family) (mend func()){
		"it fails":        withFile(failFile),
		"it hangs":        withFile(hangFile),
		"it cannot bind":  withAddress("unix:/nonexistent/folder/x.sock"),
		"a wrong address": withAddress("nowhere"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			socket := filepath.Join(dir, "x.sock")
			var env []string
			if name == "it hangs" {
				env = []string{childStart + "=5s"}
			}
			f := newFamily(t, dir, env, "unix:"+socket)
			first := f.main()
			mend := spoil(t, f)
			f.signal(t, syscall.SIGUSR2)
			f.says(t, "successor did not start", 1)
			assert.Equal(t, first, servedBy(t, "unix:"+socket))
			assert.Equal(t, first, f.main())

			mend()
			second := f.succeed(t)
			require.NoError(t, f.cmd.Wait())
			assert.Equal(t, second, servedBy(t, "unix:"+socket))
			f.signal(t, syscall.SIGTERM)
			<-f.over
			assert.NoFileExists(t, socket)
		})
	}
}

func withFile(name string) func(t *testing.T, f *family) func() {
	return func(t *testing.T, f *family) func() {
		t.Helper()
		f.write(t, name, "")
		return func() { require.NoError(t, os.Remove(filepath.Join(f.dir, name))) }
	}
}

func withAddress(address string) func(t *testing.T, f *family) func() {
	return func(t *testing.T, f *family) func() {
		t.Helper()
		old := addresses(t, f.dir)
		f.write(t, addressesFile, strings.Join(append(old, address), "\n"))
		return func() { f.write(t, addressesFile, strings.Join(old, "\n")) }
	}
}

// The successor uses its own configuration.
func TestOtherAddresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gone, kept, made := filepath.Join(dir, "gone"), filepath.Join(dir, "kept"), filepath.Join(dir, "made")
	f := newFamily(t, dir, nil, "unix:"+gone, "unix:"+kept)
	f.write(t, addressesFile, "unix:"+kept+" local:"+made)
	second := f.succeed(t)
	require.NoError(t, f.cmd.Wait())
	assert.Equal(t, second, servedBy(t, "unix:"+kept))
	assert.Equal(t, second, servedBy(t, "unix:"+made))
	assert.NoFileExists(t, gone)
	f.end(t)
	assert.NoFileExists(t, kept)
	assert.NoFileExists(t, made)
}

// Ports that the system chose stay the same, even if there are several.
func TestChosenPorts(t *testing.T) {
	t.Parallel()
	f := newFamily(t, t.TempDir(), nil, "inet:0@127.0.0.1", "inet:0@127.0.0.1")
	f.succeed(t)
	f.says(t, "msg=drained", 1)
	ports := make(map[string]int)
	for line := range strings.Lines(f.log()) {
		if _, address, ok := strings.Cut(line, "msg=serving address="); ok {
			ports[address]++
		}
	}
	require.Len(t, ports, 2)
	for port, times := range ports {
		assert.Equal(t, 2, times, port)
	}
	f.end(t)
}

// There are at most two processes. A successor waits until a draining
// predecessor has ended, and a signal does not kill a draining process.
func TestTwoAtMost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "x.sock")
	f := newFamily(t, dir, nil, "unix:"+socket)
	first := f.main()
	conn, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	second := f.succeed(t)
	f.says(t, "msg=draining", 1)
	require.NoError(t, syscall.Kill(first, syscall.SIGUSR2))
	f.signal(t, syscall.SIGUSR2)
	f.says(t, "starting a successor", 2)
	time.Sleep(100 * time.Millisecond)
	assert.Equal(t, second, f.main(), "the third one waits for the end of the first")
	response, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	assert.False(t, response.Refuses())
	require.NoError(t, conn.Quit(t.Context()))
	require.NoError(t, f.cmd.Wait())
	f.until(t, func() bool { return f.main() != second })
	f.end(t)
}

// A process that gets SIGTERM while its successor starts stops, and the
// successor stops too.
func TestStoppedMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "x.sock")
	f := newFamily(t, dir, nil, "unix:"+socket)
	f.write(t, hangFile, "")
	f.signal(t, syscall.SIGUSR2)
	f.says(t, "msg=serving", 2) // the successor's
	f.signal(t, syscall.SIGTERM)
	require.NoError(t, f.cmd.Wait())
	<-f.over
	assert.NoFileExists(t, socket)
}

func TestNotInherited(t *testing.T) {
	t.Parallel()
	_, err := handover.New(handover.Params{Config: handover.Config{StartTimeout: -1}})
	require.ErrorContains(t, err, "StartTimeout is negative")
}

// opaque is a listener that does not expose its socket.
type opaque struct{ net.Listener }

// If the process cannot hand over, the application does not start.
func TestRefused(t *testing.T) { //nolint:paralleltest // a process has one succession
	app := func(listen ...string) *fx.App {
		return fx.New(
			fx.NopLogger, milterfx.Module, milterfx.Filters(), handover.Module,
			fx.Supply(slog.New(slog.DiscardHandler), milterfx.Config{Listen: listen, Open: func(address string) (net.Listener, error) {
				ln, err := framework.Listen("inet:0@127.0.0.1")
				if address == "opaque" {
					return opaque{ln}, err
				}
				return ln, err
			}}),
		)
	}
	first := app("plain", "opaque")
	require.NoError(t, first.Err())
	require.ErrorContains(t, first.Start(t.Context()), `"opaque": a handover_test.opaque cannot be handed over`)
	second := app("plain")
	require.NoError(t, second.Err(), "nothing happens before the start")
	require.ErrorContains(t, second.Start(t.Context()), "only a single Upgrader")
}

// systemd is notified of the new main process and not of a stop.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	told := func() string {
		buf := make([]byte, 4096)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		for {
			n, err := conn.Read(buf)
			require.NoError(t, err)
			if said := string(buf[:n]); said != "WATCHDOG=1" {
				return said
			}
		}
	}
	socket := "unix:" + filepath.Join(dir, "x.sock")
	f := newFamily(t, dir, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=20000"}, socket)
	assert.Contains(t, told(), "READY=1")
	second := f.succeed(t)
	assert.Equal(t, "MAINPID="+strconv.Itoa(second), told(), "the successor has not said anything before")
	f.says(t, "msg=drained", 1)
	f.signal(t, syscall.SIGTERM)
	assert.Equal(t, "STOPPING=1\nSTATUS=draining", told())
	<-f.over
}
