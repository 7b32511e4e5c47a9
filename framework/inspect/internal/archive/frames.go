package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// entry is where a record is in a file.
type entry struct {
	key    Key
	offset int64 // of the record, behind its length and checksum
	length int
}

// frames reads the frames of a part of a file, one after the other.
type frames struct {
	r    *bufio.Reader
	at   int64 // where the next frame begins
	end  int64 // of the part
	most int64 // the length of a record that is read
	rec  []byte
}

// errEnd reports that the part has no more complete frame, and errUnusable that a frame has no
// record that can be shown. After errUnusable the next frame can be read, and after no other error.
var (
	errEnd      = errors.New("no more complete record")
	errUnusable = errors.New("a record cannot be shown")
)

// bufferSize is that of the buffer of frames.
const bufferSize = 64 << 10

func newFrames(f *os.File, from, to, most int64) *frames {
	return &frames{r: bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), bufferSize), at: from, end: to, most: most}
}

// magic reads the first line of a file.
func (f *frames) magic() error {
	line := make([]byte, min(f.end, int64(len(tape.Magic))))
	if _, err := io.ReadFull(f.r, line); err != nil {
		return err
	}
	if string(line) != tape.Magic[:len(line)] {
		return fmt.Errorf("%w: the first line is not that of a file with records", record.ErrMalformed)
	}
	if len(line) < len(tape.Magic) {
		return errEnd
	}
	f.at = int64(len(line))
	return nil
}

// next reads the next frame.
func (f *frames) next() (entry, error) {
	if f.end-f.at < tape.FrameHeaderLen {
		return entry{}, errEnd
	}
	var head [tape.FrameHeaderLen]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return entry{}, err
	}
	size, sum := int64(binary.BigEndian.Uint32(head[:])), binary.BigEndian.Uint32(head[4:])
	e := entry{offset: f.at + tape.FrameHeaderLen, length: int(size)}
	switch {
	case size > tape.MaxRecord:
		return entry{}, fmt.Errorf("%w: a record of %d bytes", record.ErrMalformed, size)
	case e.offset+size > f.end:
		return entry{}, errEnd
	case size > f.most:
		if _, err := f.r.Discard(int(size)); err != nil {
			return entry{}, err
		}
		f.at = e.offset + size
		return entry{}, fmt.Errorf("%w: it has %d bytes", errUnusable, size)
	}
	if int64(cap(f.rec)) < size {
		f.rec = make([]byte, size) // the file has as many
	}
	f.rec = f.rec[:size]
	if _, err := io.ReadFull(f.r, f.rec); err != nil {
		return entry{}, err
	}
	f.at = e.offset + size
	if tape.Checksum(f.rec) != sum {
		return entry{}, fmt.Errorf("%w: the checksum is wrong", errUnusable)
	}
	var ok bool
	if e.key, ok = KeyOf(f.rec); !ok {
		return entry{}, fmt.Errorf("%w: it has no ID", errUnusable)
	}
	return e, nil
}
