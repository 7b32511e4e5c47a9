package framework

import (
	"errors"
	"fmt"
	"time"
)

// check refuses what could never work: all of it, in one error.
func (c *Config) check() error {
	var wrong []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"NegotiateTimeout", c.NegotiateTimeout},
		{"IdleTimeout", c.IdleTimeout},
		{"FrameTimeout", c.FrameTimeout},
		{"WriteTimeout", c.WriteTimeout},
		{"HandlerTimeout", c.HandlerTimeout},
		{"MessageTimeout", c.MessageTimeout},
		{"ProgressInterval", c.ProgressInterval},
		{"HangGrace", c.HangGrace},
		{"DrainGrace", c.DrainGrace},
	} {
		if d.value < 0 {
			wrong = append(wrong, fmt.Errorf("framework: Config.%s is negative: %v", d.name, d.value))
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxPacket", int64(c.MaxPacket)},
		{"MaxHeaders", int64(c.MaxHeaders)},
		{"MaxHeaderBytes", int64(c.MaxHeaderBytes)},
		{"MaxMacroBytes", int64(c.MaxMacroBytes)},
		{"MaxRecipients", int64(c.MaxRecipients)},
		{"SpoolMemory", c.SpoolMemory},
		{"MaxSpool", c.MaxSpool},
		{"MemoryBudget", c.MemoryBudget},
		{"DiskBudget", c.DiskBudget},
	} {
		if n.value < 0 {
			wrong = append(wrong, fmt.Errorf("framework: Config.%s is negative: %d", n.name, n.value))
		}
	}
	return errors.Join(append(wrong, c.Admission.check())...)
}
