//go:build unix

package handover

import (
	"os"
	"syscall"
)

func defaultSignal() os.Signal { return syscall.SIGUSR2 }
