package tape

import (
	"bufio"
	"bytes"
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

// Errors of a part of a file that a FileReader skips: its next call goes on behind the part.
var (
	// ErrSkipped is what the others wrap. It wraps ErrMalformed.
	ErrSkipped = fmt.Errorf("%w", ErrMalformed)
	// ErrChecksum reports that a record was damaged.
	ErrChecksum = fmt.Errorf("%w: the checksum is wrong", ErrSkipped)
	// ErrZeros reports zeros where records should be. Some file systems leave them after a crash.
	ErrZeros = fmt.Errorf("%w: zeros in place of records", ErrSkipped)
)

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
	r    *bufio.Reader
	at   int64
	most int64
	rec  []byte
}

// NewFileReader returns a reader of a file from an offset on, at which r begins. It is 0, or one
// that Offset returned. Records of more than most bytes are skipped.
func NewFileReader(r io.Reader, offset, most int64) *FileReader {
	return &FileReader{r: bufio.NewReaderSize(r, 64<<10), at: offset, most: most}
}

// Offset returns where the frame begins that Next reads next. A record ends there.
func (f *FileReader) Offset() int64 { return f.at }

// Next returns the next record, which is valid until the next call. At the end of the
// file the error is io.EOF, at an incomplete record ErrTorn, and if the next call goes on it
// wraps ErrSkipped. Otherwise it wraps ErrMalformed or is an error of the file.
func (f *FileReader) Next() ([]byte, error) {
	if f.at == 0 {
		if err := f.magic(); err != nil {
			return nil, err
		}
	}
	var head [FrameHeaderLen]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, ErrTorn
		}
		return nil, err
	}
	size, sum := int64(binary.BigEndian.Uint32(head[:])), binary.BigEndian.Uint32(head[4:])
	switch {
	case head == [FrameHeaderLen]byte{}: // no record is empty
		return nil, f.zeros()
	case size > MaxRecord:
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrMalformed, size)
	case size > f.most:
		if _, err := f.r.Discard(int(size)); err != nil {
			return nil, torn(err)
		}
		f.at += FrameHeaderLen + size
		return nil, fmt.Errorf("%w: it has %d bytes", ErrSkipped, size)
	}
	if err := f.read(int(size)); err != nil {
		return nil, torn(err)
	}
	f.at += FrameHeaderLen + size
	if Checksum(f.rec) != sum {
		return nil, ErrChecksum
	}
	return f.rec, nil
}

// magic reads the first line.
func (f *FileReader) magic() error {
	line := make([]byte, len(Magic))
	n, err := io.ReadFull(f.r, line)
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case string(line[:n]) != Magic[:n]:
		return fmt.Errorf("%w: the file does not begin with %q", ErrMalformed, Magic[:len(Magic)-1])
	case err != nil:
		return torn(err)
	}
	f.at = int64(n)
	return nil
}

// torn returns the error of a read that should not have met the end of the file.
func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTorn
	}
	return err
}

// maxZeros is about how many zeros one call of Next skips. The rest of a long row is left to the
// next calls, so that a caller can bound its work.
const maxZeros = 1 << 20

// zeros skips zeros behind a head that has only zeros: whole heads, because the length of a record
// may begin with zeros, and the rest of the file if it has no other bytes.
func (f *FileReader) zeros() error {
	from := f.at
	for f.at += FrameHeaderLen; f.at < from+maxZeros; {
		_, err := f.r.Peek(FrameHeaderLen)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ahead, _ := f.r.Peek(f.r.Buffered())
		n := len(ahead) - len(bytes.TrimLeft(ahead, "\x00"))
		if n < len(ahead) || err == nil {
			n -= n % FrameHeaderLen
		}
		if n == 0 {
			break
		}
		_, _ = f.r.Discard(n) // it is in the buffer
		f.at += int64(n)
	}
	return fmt.Errorf("%w, from byte %d on", ErrZeros, from)
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
