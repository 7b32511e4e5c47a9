//go:build !unix

package walk

import "os/exec"

// There are no process groups here: what a command has started may outlive it.
func group(*exec.Cmd) {}

func interrupt(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }
