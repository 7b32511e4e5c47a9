package archive

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// entry is where a record is in a file.
type entry struct {
	key    Key
	offset int64 // of the record, behind its length and checksum
	length int
}

// frames reads the frames of a part of a file, one after the other.
type frames struct{ *tape.FileReader }

func newFrames(f *os.File, from, to, most int64) frames {
	return frames{tape.NewFileReader(io.NewSectionReader(f, from, to-from), from, most)}
}

// next reads the next frame. Its errors are those of [tape.FileReader.Next].
func (f frames) next() (entry, error) {
	rec, err := f.Next()
	if err != nil {
		return entry{}, err
	}
	key, ok := KeyOf(rec)
	if !ok {
		return entry{}, fmt.Errorf("%w: it has no ID", tape.ErrSkipped)
	}
	return entry{key, f.Offset() - int64(len(rec)), len(rec)}, nil
}

// atEnd reports whether an error of next says that the part has no more complete frame.
func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, tape.ErrTorn) }
