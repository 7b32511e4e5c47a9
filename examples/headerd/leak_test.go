package main_test

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	main "github.com/sluicemail/sluice/examples/headerd"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// asProgram is an environment variable that makes the test binary run as headerd.
const asProgram = "HEADERD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(main.Run(os.Args[1:], os.Stdout, os.Stderr))
	}
	// fx leaves this goroutine behind if the start fails. The process ends
	// then.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("go.uber.org/fx.(*signalReceivers).relayer"))
}

// start starts headerd as a process and returns when it serves.
func start(t *testing.T, args ...string) *testproc.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	p := testproc.Start(t, cmd)
	p.Await(t, "msg=serving")
	return p
}
