package tape

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Magic is the first line of a file.
const Magic = "sluice record 1\n"

// FrameHeaderLen is the length of what precedes each record of a file: the record's
// length and its CRC-32C, 4 bytes each, big endian.
const FrameHeaderLen = 8

// MaxRecord is the length of the largest record that a file may have.
const MaxRecord = 1 << 28

// ErrTorn reports that the last record of a file is not complete, as after a crash.
var ErrTorn = errors.New("the last record is incomplete")

// ErrChecksum reports that a record was damaged. It wraps ErrMalformed.
var ErrChecksum = fmt.Errorf("%w: the checksum is wrong", ErrMalformed)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the checksum of a record.
func Checksum(rec []byte) uint32 { return crc32.Checksum(rec, castagnoli) }

// AppendFrame appends a record as files have it.
func AppendFrame(dst []byte, parts ...[]byte) []byte {
	var sum uint32
	size := 0
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
		size += len(p)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, sum)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// FileReader reads the records of a file.
type FileReader struct {
	r     *bufio.Reader
	begun bool
	rec   []byte
}

// NewFileReader returns a reader of a file.
func NewFileReader(r io.Reader) *FileReader { return &FileReader{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next record, which is valid until the next call. At the end of the
// file the error is io.EOF, at an incomplete record ErrTorn, and otherwise it wraps
// ErrMalformed or is an error of the file. A record of a wrong checksum is skipped by the
// next call.
func (f *FileReader) Next() ([]byte, error) {
	if !f.begun {
		magic := make([]byte, len(Magic))
		n, err := io.ReadFull(f.r, magic)
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case string(magic[:n]) != Magic[:n] || err == nil && string(magic) != Magic:
			return nil, fmt.Errorf("%w: the file does not begin with %q", ErrMalformed, Magic[:len(Magic)-1])
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, ErrTorn
		case err != nil:
			return nil, err
		}
		f.begun = true
	}
	var head [FrameHeaderLen]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, ErrTorn
		}
		return nil, err
	}
	size, sum := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if size > MaxRecord {
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrMalformed, size)
	}
	if err := f.read(int(size)); err != nil {
		return nil, err
	}
	if Checksum(f.rec) != sum {
		return nil, ErrChecksum
	}
	return f.rec, nil
}

// read reads a record. The memory grows with what the file has, not with what it
// announces.
func (f *FileReader) read(size int) error {
	const step = 1 << 20
	f.rec = f.rec[:0]
	for len(f.rec) < size {
		from, n := len(f.rec), min(step, size-len(f.rec))
		f.rec = append(f.rec, make([]byte, n)...)
		if _, err := io.ReadFull(f.r, f.rec[from:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return ErrTorn
			}
			return err
		}
	}
	return nil
}

// AppendID appends an entry of KindID.
func AppendID(dst []byte, id *ID) []byte {
	w := Writer{buffer: buffer{buf: dst}}
	at := w.begin(KindID)
	w.number(id.Time)
	w.number(uint64(id.Tag))
	w.byte(id.Content)
	w.byte(id.Kept)
	w.byte(flag(id.Shortened, 0))
	w.end(at)
	return w.buf
}
