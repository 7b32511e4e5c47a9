//go:build unix && !linux

package transport

// quickAck does nothing where the kernel has no such option.
func quickAck(int) {}
