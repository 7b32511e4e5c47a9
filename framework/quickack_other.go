//go:build unix && !linux

package framework

// quickAck does nothing where the kernel has no such option.
func quickAck(int) {}
