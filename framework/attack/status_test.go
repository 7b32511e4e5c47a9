//go:build integration

package attack_test

import (
	"fmt"
	"os"
	"strings"
)

// status is what the kernel tells about a process.
type status struct {
	descriptors int
	resident    string // memory, and its peak
	peak        string
	cpu         string // the time used, in ticks
}

func (s status) String() string {
	return fmt.Sprintf("%d descriptors, RSS %s, peak %s", s.descriptors, s.resident, s.peak)
}

// status returns zero values for a process that has ended.
func (p *process) status() (s status) {
	proc := fmt.Sprintf("/proc/%d/", p.PID())
	open, _ := os.ReadDir(proc + "fd")
	s.descriptors = len(open)
	text, _ := os.ReadFile(proc + "status")
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "VmRSS":
			s.resident = strings.TrimSpace(value)
		case "VmHWM":
			s.peak = strings.TrimSpace(value)
		}
	}
	text, _ = os.ReadFile(proc + "stat")
	if fields := strings.Fields(string(text)); len(fields) > 14 {
		s.cpu = fields[13] + " " + fields[14]
	}
	return s
}
