//go:build !linux

package inspect

// hugePages does nothing on this system.
func hugePages([]byte) {}
