//go:build unix && !linux

package transport

// quickAck does nothing, because this kernel has no such option.
func quickAck(int) {}
