package inspect

import (
	"context"
	"errors"

	"github.com/sluicemail/sluice/framework/inspect/internal/archive"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
)

// walk reads records newest first: those of the ring and the files of other processes, sorted
// into each other, and then all files. At the end of the ring the files have what has left it,
// except for what was dropped.
type walk struct {
	in    *Inspector
	limit archive.Key // what is before it is still to come
	floor archive.Key // what is not behind it is not wanted

	left    bool // nothing before limit is in the ring
	alone   bool // the files are not wanted
	later   bool // the files are read only after the ring: the query is live, or the disk busy
	partial bool // they could not be read at some time
	rec     []byte
	key     archive.Key // of rec, if held
	held    bool        // rec is the next record of the ring
	files   *archive.Walk
}

// newWalk begins a walk for a query.
func newWalk(in *Inspector, q page.Query) *walk {
	w := &walk{in: in, limit: archive.Last, later: q.Live}
	if q.Before != "" {
		w.limit, _ = archive.ParseKey(q.Before) // there is nothing before what is no key
	}
	if q.After != "" {
		w.floor, _ = archive.ParseKey(q.After)
	}
	w.alone = in.folder == nil || q.Live && in.ring.has(w.floor.Time)
	return w
}

// next returns the next record, which is valid until the next call, or nil. The walk can go on
// after an error: it has not looked at what is before limit.
func (w *walk) next(ctx context.Context) (rec []byte, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.hold()
		if w.left && w.alone {
			return nil, nil
		}
		floor := w.floor
		if w.held && w.key.Compare(floor) > 0 {
			floor = w.key
		}
		key, rec, ok, err := w.before(ctx, floor)
		switch {
		case err != nil:
			return nil, err
		case ok:
			w.limit = key
			return rec, nil
		case w.held && w.key.Compare(w.floor) > 0:
			w.limit, w.held = w.key, false
			return w.rec, nil
		case w.held || w.left:
			return nil, nil
		}
	}
}

// hold takes the next record of the ring, if it has one.
func (w *walk) hold() {
	if w.held || w.left {
		return
	}
	limit := w.limit.Time
	if w.in.tag < w.limit.Tag && limit != archive.Last.Time {
		limit++
	}
	rec, at, ok := w.in.ring.before(limit, w.rec[:0])
	w.rec, w.key, w.held, w.left = rec, archive.Key{Time: at, Tag: w.in.tag}, ok, !ok
	if w.left {
		w.close() // the files have more of this process now
	}
}

// before returns the next record of the files that is behind floor.
func (w *walk) before(ctx context.Context, floor archive.Key) (key archive.Key, rec []byte, ok bool, err error) {
	if w.alone || w.later && !w.left {
		return archive.Key{}, nil, false, nil
	}
	defer func() {
		w.later = errors.Is(err, archive.ErrBusy)
		w.partial = w.partial || w.later
		if w.later && !w.left {
			err = nil
		}
	}()
	if w.files == nil {
		r := archive.Range{Before: w.limit}
		if !w.left {
			r.Without = &w.in.tag
		}
		if w.files, err = w.in.folder.all.Walk(ctx, r); err != nil {
			return archive.Key{}, nil, false, err
		}
	}
	return w.files.Before(ctx, w.limit, floor)
}

// close ends the walk.
func (w *walk) close() {
	if w.files != nil {
		w.files.Close()
		w.files = nil
	}
}
