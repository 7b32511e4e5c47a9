package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrFull reports a body that is larger than the spool may hold.
var ErrFull = errors.New("spool: the body is larger than the limit")

// Spool collects bytes. The zero value spools everything to memory and knows
// no limit.
type Spool struct {
	// Memory is the number of bytes from which on a file is used; zero
	// means never.
	Memory int64
	// Limit is the most that Write takes; zero means no limit.
	Limit int64
	// Dir is where the file is made; "" means os.TempDir.
	Dir string

	mem  []byte
	file *os.File
	size int64
}

// Write implements io.Writer. After an error the spool is good for Reset only.
func (s *Spool) Write(p []byte) (int, error) {
	if s.Limit > 0 && s.size+int64(len(p)) > s.Limit {
		return 0, ErrFull
	}
	if s.file == nil && s.Memory > 0 && s.size+int64(len(p)) > s.Memory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(p))
	if s.file != nil {
		return s.file.Write(p)
	}
	s.mem = append(s.mem, p...)
	return len(p), nil
}

// spill moves what is in memory to a file, which has no name by the time that
// anything is written to it, so that nothing is left behind after a crash.
func (s *Spool) spill() error {
	f, err := os.CreateTemp(s.Dir, "sluice-body-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(fmt.Errorf("spool: %w", err), f.Close())
	}
	if _, err := f.Write(s.mem); err != nil {
		return errors.Join(fmt.Errorf("spool: %w", err), f.Close())
	}
	s.file, s.mem = f, nil
	return nil
}

// Size returns the number of bytes that were written.
func (s *Spool) Size() int64 { return s.size }

// Reader returns a reader over all that was written. Nothing may be written
// while it is in use.
func (s *Spool) Reader() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.mem)
}

// Reset empties the spool for the next body.
func (s *Spool) Reset() error {
	const usual = 64 << 10
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	if cap(s.mem) > usual {
		s.mem = nil
	}
	s.file, s.mem, s.size = nil, s.mem[:0], 0
	return err
}
