//go:build unix

package walk

import (
	"os/exec"
	"syscall"
)

// setProcessGroup runs a command in a new process group, as a shell does. A
// signal to the group also reaches the command's child processes, such as the
// program that "go run" starts.
func setProcessGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }

func kill(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
