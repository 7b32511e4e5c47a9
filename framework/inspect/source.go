package inspect

import (
	"context"
	"fmt"
	"sync"

	"github.com/sluicemail/sluice/framework/inspect/internal/archive"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// source adapts an Inspector to the page.
type source struct{ in *Inspector }

// Recent implements page.Source.
func (s source) Recent(ctx context.Context, q page.Query) (list []record.Summary, next string, partial bool) {
	w := newWalk(s.in, q)
	defer w.close()
	for {
		rec, err := w.next(ctx)
		switch {
		case err != nil:
			return list, w.limit.String(), w.partial
		case rec == nil:
			return list, "", w.partial
		}
		sum, err := record.DecodeSummary(rec)
		if err != nil {
			continue // a fault of ours, which record's tests exclude, or a damaged file
		}
		wanted, end := true, false
		if q.Match != nil {
			wanted, end = q.Match(sum)
		}
		if wanted {
			if len(list) == q.Limit {
				return list, list[len(list)-1].ID, w.partial
			}
			list = append(list, *sum)
		}
		if end {
			return list, sum.ID, w.partial
		}
	}
}

// Message implements page.Source.
func (s source) Message(ctx context.Context, id string) (*record.Message, error) {
	rec, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	return record.Decode(rec)
}

// Raw implements page.Source.
func (s source) Raw(ctx context.Context, id string) ([]byte, error) {
	rec, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	return record.File(rec), nil
}

// get returns the record with an ID, from the ring or from the folder.
func (s source) get(ctx context.Context, id string) ([]byte, error) {
	key, ok := archive.ParseKey(id)
	if !ok {
		return nil, page.ErrNotFound
	}
	if key.Tag == s.in.tag {
		if rec, ok := s.in.ring.get(key.Time); ok {
			return rec, nil
		}
	}
	if s.in.folder == nil {
		return nil, page.ErrNotFound
	}
	return s.getFile(ctx, key)
}

// getFile returns a record of the folder. It fails only if the time is over.
func (s source) getFile(ctx context.Context, key archive.Key) ([]byte, error) {
	walk, err := s.in.folder.all.Walk(ctx, archive.Range{Before: key.Next()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", page.ErrBusy, err)
	}
	defer walk.Close()
	found, rec, ok, err := walk.Before(ctx, key.Next(), key.Previous())
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", page.ErrBusy, err)
	case !ok || found != key:
		return nil, page.ErrNotFound
	}
	return rec, nil
}

// Watch implements page.Source.
func (s source) Watch() (changed <-chan struct{}, stop func()) {
	signal, done := make(chan struct{}, 1), make(chan struct{})
	next := s.in.ring.wait()
	go func() {
		for {
			select {
			case <-next:
			case <-done:
				return
			case <-s.in.closing:
				return
			}
			next = s.in.ring.wait()
			select {
			case signal <- struct{}{}:
			default:
			}
		}
	}()
	return signal, sync.OnceFunc(func() { close(done) })
}
