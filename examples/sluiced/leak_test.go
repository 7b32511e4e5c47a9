package main_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/dkim"
	main "github.com/sluicemail/sluice/examples/sluiced"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// asProgram is an environment variable that makes the test binary run as sluiced.
const asProgram = "SLUICED_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(main.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	// fx leaves this goroutine behind if the start fails. The process ends then.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("go.uber.org/fx.(*signalReceivers).relayer"))
}

// run runs sluiced in this process.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return runWith(t, strings.NewReader(""), args...)
}

func runWith(t *testing.T, stdin io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = main.Run(t.Context(), args, stdin, &out, &errs)
	return status, out.String(), errs.String()
}

// must runs a command, which must succeed, and returns its output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	status, stdout, stderr := run(t, args...)
	require.Zero(t, status, stderr)
	require.Empty(t, stderr)
	return stdout
}

// start starts sluiced as a process and returns when it serves.
func start(t *testing.T, args ...string) *testproc.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.WaitDelay = testproc.Patience // from the end of this process, the log of a successor is read
	p := testproc.Start(t, cmd)
	p.Await(t, "msg=serving")
	return p
}

// write writes a file of a test and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// sample returns the path of a copy of a sample, with the keys that it names beside it, and the
// records of the keys for a zone.
func sample(t *testing.T, name string) (path, records string) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	path = filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "keys"), 0o700))
	for _, domain := range []string{"example.org", "lists.example.org"} {
		key, err := dkim.GenerateKey("rsa", 2048)
		require.NoError(t, err)
		require.NoError(t, dkim.SaveKey(filepath.Join(dir, "keys", domain+".s2026.pem"), key))
		record, err := dkim.FormatRecord(key.Public())
		require.NoError(t, err)
		line := strings.Replace(dkim.ZoneLine("s2026", domain, record), " IN TXT ", " TXT ", 1)
		records += strings.NewReplacer("( ", "", " )", "").Replace(line) + "\n"
	}
	return path, records
}
