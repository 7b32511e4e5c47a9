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

// pidFile is the name of a pipe that a successor inherits. The successor writes
// its process ID to it.
const pidFile = "successor"

// startSuccessor starts a successor and waits until it serves. It returns the
// successor's process ID, or 0 if that is unknown.
func (h *Handover) startSuccessor() (pid int, err error) {
	if err := h.flip.WaitForParent(h.running); err != nil && h.running.Err() != nil {
		return 0, errors.New("application is stopping")
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

// readPID returns the process ID that a ready successor has written. It returns
// 0 if the successor writes none, as another version of the program may do.
func readPID(r *os.File) int {
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	line, _ := bufio.NewReader(r).ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return pid
}

// upgrade starts a successor. It retries because tableflip may still refuse for
// a moment after WaitForParent has returned.
func upgrade(flip *tableflip.Upgrader) error {
	for {
		err := flip.Upgrade()
		if err == nil || err.Error() != "parent hasn't exited" {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// announcePID writes this process's ID to the predecessor, if there is one.
func announcePID(flip *tableflip.Upgrader) error {
	f, err := flip.File(pidFile)
	if f == nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return errors.Join(err, f.Close())
}
