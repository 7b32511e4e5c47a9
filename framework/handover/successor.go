package handover

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cloudflare/tableflip"
)

// pidFile is the name under which a successor inherits a pipe that it writes
// the number of its process into.
const pidFile = "successor"

// succeed starts a successor, waits until it serves, and returns the number of
// its process, or 0 if that is not known.
func (h *Handover) succeed() (pid int, err error) {
	if err := h.flip.WaitForParent(h.running); err != nil && h.running.Err() != nil {
		return 0, errors.New("the application stops")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	err = h.flip.AddFile(pidFile, w)
	if err = errors.Join(err, w.Close()); err != nil {
		return 0, err
	}
	if err := upgrade(h.flip); err != nil {
		return 0, err
	}
	return readPID(r), nil
}

// readPID returns what a successor that is ready has written, or 0 for one that
// writes nothing: another version of the program, say.
func readPID(r *os.File) int {
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	line, _ := bufio.NewReader(r).ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return pid
}

// upgrade starts a successor. The library may not know for a moment what
// WaitForParent has told already.
func upgrade(flip *tableflip.Upgrader) error {
	for {
		err := flip.Upgrade()
		if err == nil || err.Error() != "parent hasn't exited" {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// introduce tells the predecessor, if there is one, who takes over.
func introduce(flip *tableflip.Upgrader) error {
	f, err := flip.File(pidFile)
	if f == nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return errors.Join(err, f.Close())
}
