package main_test

import (
	"bytes"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	main "github.com/sluicemail/sluice/examples/fxapp"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

// denylist writes a list with one domain and returns its path.
func denylist(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deny.txt")
	require.NoError(t, os.WriteFile(path, []byte("denied.example\n"), 0o600))
	return path
}

func TestExplain(t *testing.T) {
	t.Parallel()
	deny := denylist(t)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			status, got, stderr := run("-explain", format, "-deny", deny)
			require.Zero(t, status, stderr)
			golden := filepath.Join("testdata", "explain."+format)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-help")
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Less(t, strings.Count(stdout, "\n"), 30, "it is short")
	for line := range strings.Lines(stdout) {
		assert.LessOrEqual(t, len(line), 80, line)
	}
	status, stdout, stderr = run("-version")
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Regexp(t, `^fxapp \S+ go1\.\S+\n$`, stdout)
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args   []string
		status int
		says   string
	}{
		"unknown flag":        {[]string{"-colour"}, 2, "-colour"},
		"unknown format":      {[]string{"-explain", "xml"}, 2, "want text or json"},
		"unknown log format":  {[]string{"-log-format", "yaml"}, 2, "want text or json"},
		"unknown log level":   {[]string{"-log-level", "loud"}, 2, "loud"},
		"address has no kind": {[]string{"-listen", "127.0.0.1:9000"}, 2, "want inet:PORT@HOST"},
		"health has no kind":  {[]string{"-health", ":8080"}, 2, "want inet:PORT@HOST"},
		"health is not there": {[]string{"-health", "unix:/nonexistent/folder/h.sock", "-log-level", "error"}, 1, "/nonexistent/folder"},
		"inspect in words":    {[]string{"-inspect", "yes"}, 2, "want an address and a port"},
		"inspect for all":     {[]string{"-inspect", ":80", "-log-level", "error"}, 1, "inspect :80: it is not a loopback address"},
		"an argument":         {[]string{"message.eml"}, 2, `"message.eml"`},
		"no header":           {[]string{"-stamp", "X Seen"}, 2, "-stamp"},
		"slow below zero":     {[]string{"-slow", "-1s"}, 2, "-slow"},
		"no drain":            {[]string{"-drain", "0"}, 2, "-drain"},
		"no such list":        {[]string{"-deny", "/nonexistent.txt", "-explain", "text"}, 1, "open /nonexistent.txt: no such file"},
		"no such folder":      {[]string{"-listen", "unix:/nonexistent/folder/x.sock", "-log-level", "error"}, 1, "/nonexistent/folder"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(c.args...)
			assert.Equal(t, c.status, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.says)
			assert.True(t, strings.HasPrefix(stderr, "fxapp: "), stderr)
			assert.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		})
	}
}

// deliver sends a message and reports whether it was refused. If it was not,
// text is the message after the edits.
func deliver(t *testing.T, address, sender string, opts ...miltertest.MessageOption) (refused bool, text string) {
	t.Helper()
	msg := miltertest.Message("Subject: hello\n\nhello\n", append(opts, miltertest.From(sender))...)
	conn, err := mta.Dial(t.Context(), address, mta.Config{})
	require.NoError(t, err)
	outcome, err := conn.Send(t.Context(), msg)
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	if outcome.Edited == nil {
		return true, ""
	}
	return false, string(outcome.Edited.Bytes())
}

func TestApplication(t *testing.T) {
	t.Parallel()
	var status *milterfx.Status
	settings := main.Settings{
		Listen: []string{"inet:0@127.0.0.1", "inet:0@127.0.0.1"},
		Deny:   denylist(t), Stamp: "X-Seen", Drain: time.Minute,
	}
	var log bytes.Buffer
	app := fxtest.New(t, main.Application(settings, slog.New(slog.NewTextHandler(&log, nil))), fx.Populate(&status))
	assert.Greater(t, app.StopTimeout(), time.Minute)
	app.RequireStart()
	for _, addr := range status.Addrs() {
		refused, text := deliver(t, "inet:"+addr.String(), "<ann@fine.example>")
		assert.False(t, refused)
		assert.Contains(t, text, "X-Seen: fxapp\r\n")
		refused, _ = deliver(t, "inet:"+addr.String(), "<eve@denied.example>")
		assert.True(t, refused)
		refused, _ = deliver(t, "inet:"+addr.String(), "<eve@denied.example>", miltertest.Auth("ann"))
		assert.False(t, refused, "users who have logged in may")
	}
	app.RequireStop()
	assert.NotContains(t, log.String(), "inspector")
	assert.Contains(t, log.String(), "msg=tally passed=4 refused=2")
	assert.Less(t, strings.Index(log.String(), "msg=drained"), strings.Index(log.String(), "msg=tally"), "the server stops first")
}

func TestRunUntilASignal(t *testing.T) { //nolint:paralleltest // signals are the whole process's
	path := filepath.Join(t.TempDir(), "x.sock")
	stderr := new(testproc.Buffer)
	ended := make(chan int, 1)
	go func() {
		ended <- main.Run([]string{"-listen", "unix:" + path, "-log-format", "json", "-log-level", "debug"}, io.Discard, stderr)
	}()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	refused, _ := deliver(t, "unix:"+path, "<eve@denied.example>")
	assert.False(t, refused, "there is no list")
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	assert.Zero(t, <-ended)
	assert.NoFileExists(t, path)
	assert.Contains(t, stderr.String(), `"msg":"tally","passed":1,"refused":0`)
}
