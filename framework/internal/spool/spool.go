package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
)

// Spool stores one body. [Store.New] creates a Spool. It is not safe for
// concurrent use and must not be copied after the first Write.
type Spool struct {
	store  *Store
	blocks [][]byte
	room   int64 // total size of blocks
	file   *os.File
	onDisk int64 // bytes taken of the disk budget
	size   int64
	age    uint64 // number of bodies so far, for readers to detect a new one
}

// Write implements io.Writer. The error is [ErrFull] or may wrap [ErrNoRoom].
// After an error only Reset may be called.
func (s *Spool) Write(p []byte) (int, error) {
	size := s.size + int64(len(p))
	if s.store.Limit > 0 && size > s.store.Limit {
		return 0, ErrFull
	}
	if s.file == nil && !s.fits(size) {
		if err := s.spill(); err != nil {
			return 0, noRoom(err)
		}
	}
	if s.file != nil {
		return s.append(p)
	}
	for rest := p; len(rest) > 0; {
		n := copy(s.at(s.size), rest)
		s.size += int64(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// fits takes memory for a body of the given size and reports whether there is
// enough.
func (s *Spool) fits(size int64) bool {
	if s.store.Threshold > 0 && size > s.store.Threshold {
		return false
	}
	for s.room < size {
		block := s.store.take(blockSize(len(s.blocks)))
		if block == nil {
			return false
		}
		s.blocks = append(s.blocks, block)
		s.room += int64(len(block))
	}
	return true
}

func blockSize(i int) int {
	if i == 0 {
		return smallBlock
	}
	return largeBlock
}

// at returns the part of a block from the given offset of the body to the
// block's end.
func (s *Spool) at(off int64) []byte {
	if off < smallBlock {
		return s.blocks[0][off:]
	}
	off -= smallBlock
	return s.blocks[1+off/largeBlock][off%largeBlock:]
}

// append writes to the file.
func (s *Spool) append(p []byte) (int, error) {
	if !s.store.Disk.Take(int64(len(p))) {
		return 0, ErrNoRoom
	}
	s.onDisk += int64(len(p))
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, noRoom(err)
}

// spill moves the body from memory to a file. It removes the file's name before
// it writes anything, so that a crash leaves no file behind.
func (s *Spool) spill() error {
	f, err := os.CreateTemp(s.store.Dir, "sluice-body-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	left := s.size
	s.size = 0
	for _, block := range s.blocks {
		n := min(left, int64(len(block)))
		if _, err := s.append(block[:n]); err != nil {
			return err
		}
		left -= n
	}
	s.release()
	return nil
}

// noRoom wraps ErrNoRoom around an error that means that disk space or file
// descriptors are used up.
func noRoom(err error) error {
	used := func(errno syscall.Errno) bool { return errors.Is(err, errno) }
	if slices.ContainsFunc([]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE}, used) {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}

// Size returns the number of bytes written.
func (s *Spool) Size() int64 { return s.size }

// Reset empties the spool for the next body and returns its memory and disk
// space to the budgets. Readers of the previous body then return [ErrGone].
func (s *Spool) Reset() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	s.release()
	s.store.Disk.Give(s.onDisk)
	s.file, s.onDisk, s.size = nil, 0, 0
	s.age++
	return err
}

// release returns the blocks to the store.
func (s *Spool) release() {
	const usual = 40 // more than a mebibyte needs
	for _, block := range s.blocks {
		s.store.give(block)
	}
	clear(s.blocks)
	s.blocks, s.room = s.blocks[:0], 0
	if cap(s.blocks) > usual {
		s.blocks = nil
	}
}

// Replace moves the body of another spool of the same store into s. It discards
// the body of s and leaves the other spool empty.
func (s *Spool) Replace(other *Spool) error {
	err := s.Reset()
	age := s.age
	*s, *other = *other, Spool{store: other.store, age: other.age + 1}
	s.age = age
	return err
}
