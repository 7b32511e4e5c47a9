//go:build !unix

package handover

import "os"

// defaultSignal returns none: no process can be handed anything.
func defaultSignal() os.Signal { return nil }
