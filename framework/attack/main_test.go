//go:build integration

package attack_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

var (
	seed        = flag.Uint64("seed", 0, "seed of the scripts; 0 means another one in each run")
	connections = flag.Int("connections", 10_000, "number of hostile connections to all programs together")
	only        = flag.Int("only", -1, "number of the one connection to play, with its transcript")
)

// patience is the timeout of every wait. On a machine with much other load, the
// tests themselves may get no CPU time for many seconds.
const patience = 2 * time.Minute

// folder is the directory of the compiled programs.
var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1e9
	}
	status, err := withPrograms(m.Run)
	if err == nil && status == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// withPrograms compiles the programs and calls run.
func withPrograms(run func() int) (status int, err error) {
	if folder, err = os.MkdirTemp("", "attack"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	args := testproc.RaceFlags()
	for _, p := range programs() {
		args = append(args, "../../examples/"+p.name)
	}
	if err := testproc.BuildInto(folder, args...); err != nil {
		return 1, err
	}
	return run(), nil
}
