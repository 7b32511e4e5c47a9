//go:build unix

package configfile

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// How often, and after what pause, open tries again if another process has a
// lease on the file. The kernel asks that process to give the lease up at the
// first try.
const (
	leaseTries = 100
	leasePause = 50 * time.Millisecond
)

// open opens a file without waiting for another process: O_NONBLOCK matters if
// a named pipe or a device takes the file's name after the check of its kind.
func open(path string) (*os.File, error) {
	for try := 1; ; try++ {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0) //nolint:gosec // the operator names it
		if !errors.Is(err, syscall.EAGAIN) || try == leaseTries {
			return f, err
		}
		time.Sleep(leasePause)
	}
}
