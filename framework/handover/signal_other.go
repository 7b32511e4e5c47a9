//go:build !unix

package handover

import "os"

// defaultSignal returns nil, because only Unix supports handovers.
func defaultSignal() os.Signal { return nil }
