//go:build integration

package differential_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

var (
	seed      = flag.Uint64("seed", 1, "seed of the generated scenarios")
	scenarios = flag.Int("scenarios", 400, "number of scenarios for the model of an MTA")
	realRuns  = flag.Int("real", 150, "number of scenarios for each real MTA")
	only      = flag.Int("only", -1, "number of the one scenario to play")
)

// limit is the timeout of every wait.
const limit = 2 * time.Minute

// The names of the filters.
const (
	ours   = "testmilter"
	theirs = "filter"
)

// folder is the directory of the compiled filters.
var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	status, err := withFilters(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func withFilters(run func() int) (status int, err error) {
	if folder, err = os.MkdirTemp("", "differential"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	sources, err := filepath.Glob("testdata/*.c")
	if err != nil {
		return 1, err
	}
	args := append([]string{"-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", filepath.Join(folder, theirs)}, sources...)
	if out, err := exec.Command("gcc", append(args, "-lmilter", "-lpthread")...).CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%w (gcc and libmilter-dev are needed)\n%s", err, out)
	}
	if err := testproc.BuildInto(folder, append(testproc.RaceFlags(), "../../examples/testmilter")...); err != nil {
		return 1, err
	}
	return run(), nil
}
