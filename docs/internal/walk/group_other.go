//go:build !unix

package walk

import "os/exec"

// setProcessGroup does nothing, because these systems have no process groups. A
// command's child processes may outlive it.
func setProcessGroup(*exec.Cmd) {}

func interrupt(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }
