package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the CPU time of a process in user and system mode, including that of threads
// that have ended, and without its children. It reads the CPU clock of the process, which
// counts nanoseconds, because the times in /proc/PID/stat are in ticks.
func CPU(pid int) (time.Duration, error) {
	const cpuclockSched = 2
	clock := int32(^pid)<<3 | cpuclockSched //nolint:gosec // as clock_getcpuclockid(3) does
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// Resident returns the resident memory of a process in bytes.
func Resident(pid int) (int64, error) { return memory(pid, "VmRSS:") }

// Peak returns the largest resident memory of a process so far, in bytes.
func Peak(pid int) (int64, error) { return memory(pid, "VmHWM:") }

// memory returns a field of /proc/PID/status that is a number of KiB.
func memory(pid int, name string) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no field %s", pid, name)
}
