package maddy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Version is the version of Maddy that [Build] compiles. The go.mod file in the folder
// server pins it.
const Version = "0.8.1"

const source = "github.com/foxcpp/maddy/cmd/maddy"

// leftOut are build tags of Maddy. They leave out SQLite, and the clients of DNS providers
// that only ACME needs. Without cgo and these, the compiler has a third less to do.
const leftOut = "nosqlite3,libdns_separate"

// Build compiles Maddy into a folder that exists, for a TestMain, and returns the path of
// the program. It must be called in this package's folder, where tests run. The program has
// no race detector, because its races are not ours to find. The error has what the go
// command printed.
func Build(folder string) (program string, err error) {
	program = filepath.Join(folder, "maddy")
	cmd := exec.Command("go", "build", "-C", "server", "-tags", leftOut, "-ldflags=-s -w", "-o", program, source) //nolint:gosec // the test's own folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("maddy: go build: %w\n%s", err, out)
	}
	return program, nil
}
