package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// source adapts an Inspector to the page.
type source struct{ in *Inspector }

// Recent implements page.Source.
func (s source) Recent(q page.Query) (list []record.Summary, more bool) {
	before, after := ^uint64(0), uint64(0)
	if q.Before != "" {
		before, _ = timeOf(q.Before)
	}
	if q.After != "" {
		after, _ = timeOf(q.After)
	}
	var buf []byte
	for {
		rec, id, ok := s.in.ring.before(before, buf[:0])
		if !ok || id <= after {
			return list, false
		}
		buf, before = rec, id
		sum, err := record.DecodeSummary(rec)
		if err != nil {
			continue // a fault of ours, which record's tests exclude
		}
		wanted, end := true, false
		if q.Match != nil {
			wanted, end = q.Match(sum)
		}
		if wanted {
			if len(list) == q.Limit {
				return list, true
			}
			list = append(list, *sum)
		}
		if end {
			return list, false
		}
	}
}

// timeOf returns the time in an ID.
func timeOf(id string) (uint64, bool) {
	hex, _, ok := strings.Cut(id, "-")
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, ok && err == nil && len(hex) == 16
}

// Message implements page.Source.
func (s source) Message(id string) (*record.Message, error) {
	rec, err := s.get(id)
	if err != nil {
		return nil, err
	}
	return record.Decode(rec)
}

// Raw implements page.Source.
func (s source) Raw(id string) ([]byte, error) {
	rec, err := s.get(id)
	if err != nil {
		return nil, err
	}
	return record.File(rec), nil
}

// get returns the record with an ID.
func (s source) get(id string) ([]byte, error) {
	at, ok := timeOf(id)
	if !ok {
		return nil, page.ErrNotFound
	}
	rec, ok := s.in.ring.get(at)
	if !ok || id != idOf(rec) {
		return nil, page.ErrNotFound
	}
	return rec, nil
}

// idOf returns the ID of a record of the ring.
func idOf(rec []byte) string {
	r := tape.NewReader(rec)
	r.Next()
	id := r.ID()
	return fmt.Sprintf("%016x-%04x", id.Time, id.Tag)
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
