//go:build unix

package walk

import (
	"os/exec"
	"syscall"
)

// group has a command run in a process group of its own, as a shell does: what
// it starts, such as the program behind "go run", is told what it is told.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }

func kill(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
