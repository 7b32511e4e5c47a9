package testproc

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sluicemail/sluice/framework/internal/race"
)

// RaceEnabled reports whether the test was built with the race detector. The
// usual limits of time and memory do not apply to such a test.
const RaceEnabled = race.Enabled

// Build compiles the main package in the folder dir, which is relative to the
// test's, and returns the path of the program. The program is removed when the
// test ends.
func Build(t testing.TB, dir string) string {
	t.Helper()
	folder := t.TempDir()
	if err := BuildInto(folder, dir); err != nil {
		t.Fatalf("testproc: %v", err)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		t.Fatalf("testproc: %v", err)
	}
	return filepath.Join(folder, filepath.Base(absolute))
}

// BuildInto compiles main packages into a folder that exists, for a TestMain. The
// arguments are those of "go build". The error has what the go command printed. The
// programs hold nothing for a debugger, as those of "go test", and are linked in two
// thirds of the time.
func BuildInto(folder string, args ...string) error {
	args = append([]string{"build", "-ldflags=-w", "-o", folder + string(filepath.Separator)}, args...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil { //nolint:gosec // the test's own arguments
		return fmt.Errorf("go %q: %w\n%s", args, err, out)
	}
	return nil
}

// RaceFlags returns the arguments of "go build" that build a program with the
// race detector if the test has it.
func RaceFlags() []string {
	if RaceEnabled {
		return []string{"-race"}
	}
	return nil
}
