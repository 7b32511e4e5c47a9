package inspect

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// restore puts the newest records of the folder into the ring, so that the page shows them
// after a restart. It reads the newest files that fill half of the ring, and none that is
// larger than maxRestored rings. It is called before anything is recorded.
func (f *folder) restore() error {
	files, _, err := f.list()
	if err != nil {
		return err
	}
	memory := int64(len(f.ring.data))
	room, first := memory/2, len(files)
	for first > 0 && room > 0 && files[first-1].size <= maxRestored*memory {
		first--
		room -= files[first].size
	}
	for _, file := range files[first:] {
		if err := f.restoreFile(file.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("records of the folder cannot be shown", "file", file.name, "error", err)
		}
	}
	f.seen = f.ring.written // they are in the folder already
	return nil
}

// maxRestored is the size of a file, in rings, beyond which a start would take too long.
const maxRestored = 4

// restoreFile restores the records of one file, as far as it can be read. The last record may
// be incomplete.
func (f *folder) restoreFile(name string) error {
	file, err := os.Open(name) //nolint:gosec // the administrator names the folder
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var errs []error
	for rec, err := range record.Read(file) {
		if err == nil {
			f.restoreRecord(rec)
		} else if !errors.Is(err, record.ErrTorn) && len(errs) == 0 {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// restoreRecord restores one record. One that cannot be decoded is left out.
func (f *folder) restoreRecord(rec []byte) {
	if _, err := record.DecodeSummary(rec); err != nil {
		return
	}
	r := tape.NewReader(rec)
	if !r.Next() || r.Kind() != tape.KindID {
		return
	}
	id := r.ID()
	head := tape.AppendID(nil, &id)
	if r.Err() == nil && len(head) <= len(rec) && slices.Equal(head, rec[:len(head)]) {
		f.ring.add(id, rec[len(head):])
	}
}
