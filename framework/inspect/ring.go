package inspect

import (
	"sort"
	"sync"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// ring keeps the latest records in a bounded memory. What it takes is allocated at its
// creation: bytes in which whole records follow each other, and a place for each record.
// It is safe for concurrent use. The lock is held only while bytes are copied.
type ring struct {
	mu     sync.Mutex
	data   []byte
	places []place // a circle
	first  int     // the oldest
	count  int
	next   int // where the next record begins, if it fits there

	head    []byte
	fetched byte          // keeps the compiler from leaving fetch out
	last    uint64        // the ID of the newest
	written uint64        // records that came, in all
	size    int64         // bytes of the records
	changed chan struct{} // closed when a record comes; nil if nothing waits for that
}

// place is where a record is.
type place struct {
	id     uint64
	offset int32
	length int32
}

// placeSize is the memory of a place, and perPlace the bytes of records for which there is
// one place: records are seldom shorter.
const (
	placeSize = 16
	perPlace  = 512 - placeSize
)

// newRing returns a ring that takes the memory.
func newRing(memory int64) *ring {
	places := memory / (perPlace + placeSize)
	r := &ring{data: make([]byte, memory-places*placeSize), places: make([]place, places)}
	hugePages(r.data)
	return r
}

// add adds a record behind head, to which it gives an ID: the time, or a later one. The
// oldest records leave.
func (r *ring) add(head tape.ID, rec []byte) (id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	head.Time = max(head.Time, r.last+1)
	r.head = tape.AppendID(r.head[:0], &head)
	length := len(r.head) + len(rec)
	if length > len(r.data) {
		return 0 // MaxMessage does not allow that
	}
	r.last = head.Time
	at := r.room(length)
	r.places[r.index(r.count)] = place{head.Time, int32(at), int32(length)} //nolint:gosec // bounded by Memory
	r.count++
	r.written++
	r.size += int64(length)
	r.next = at + length
	r.fetch(at, at+length)
	copy(r.data[at+copy(r.data[at:], r.head):], rec)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	return head.Time
}

// fetch reads memory that is written next. The processor fetches several lines at once for
// reads, and fewer for writes.
func (r *ring) fetch(from, to int) {
	const line = 64
	sum := byte(0)
	for data := r.data[from:to]; len(data) > line; data = data[line:] {
		sum += data[0]
	}
	r.fetched = sum
}

// room makes room for a record and returns where it begins.
func (r *ring) room(length int) int {
	at := r.next
	if at+length > len(r.data) {
		for r.count > 0 && r.oldest() >= at { // what is between here and the end leaves
			r.leave()
		}
		at = 0
	}
	for r.count > 0 && (r.count == len(r.places) || r.oldest() >= at && r.oldest() < at+length) {
		r.leave()
	}
	return at
}

// oldest returns where the oldest record begins.
func (r *ring) oldest() int { return int(r.places[r.first].offset) }

// leave drops the oldest record.
func (r *ring) leave() {
	r.size -= int64(r.places[r.first].length)
	r.first = r.index(1)
	r.count--
}

// at returns the i-th place, counted from the oldest.
func (r *ring) at(i int) place { return r.places[r.index(i)] }

// index returns the index of the i-th place. A comparison takes less time than a division.
func (r *ring) index(i int) int {
	if i += r.first; i >= len(r.places) {
		i -= len(r.places)
	}
	return i
}

// search returns the number of places whose records are older than id.
func (r *ring) search(id uint64) int {
	return sort.Search(r.count, func(i int) bool { return r.at(i).id >= id })
}

// get returns a copy of a record.
func (r *ring) get(id uint64) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.search(id)
	if i == r.count || r.at(i).id != id {
		return nil, false
	}
	return r.append(nil, i), true
}

func (r *ring) append(dst []byte, i int) []byte {
	p := r.at(i)
	return append(dst, r.data[p.offset:p.offset+p.length]...)
}

// before returns a copy of the latest record that is older than id, and its id.
func (r *ring) before(id uint64, dst []byte) (rec []byte, older uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.search(id) - 1
	if i < 0 {
		return dst, 0, false
	}
	return r.append(dst, i), r.at(i).id, true
}

// after calls fn with the records that came after the first seen ones, until they have most
// bytes. It returns how many have been seen then, and how many had left before. fn must
// not retain the record, and must not block.
func (r *ring) after(seen uint64, most int, fn func(rec []byte)) (now, left uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin := r.written - uint64(r.count) //nolint:gosec // not negative
	if seen < begin {
		left = begin - seen
		seen = begin
	}
	for size := 0; seen < r.written && size < most; seen++ {
		p := r.at(int(seen - begin)) //nolint:gosec // at most count
		fn(r.data[p.offset : p.offset+p.length])
		size += int(p.length)
	}
	return seen, left
}

// wait returns a channel that is closed when the next record comes.
func (r *ring) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// has reports whether nothing with a greater ID has left.
func (r *ring) has(id uint64) bool {
	oldest, ok := r.oldestTime()
	return ok && oldest <= id
}

// oldestTime returns the ID of the oldest record.
func (r *ring) oldestTime() (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 {
		return 0, false
	}
	return r.at(0).id, true
}

// figures returns how many records there are, their size, and how many came.
func (r *ring) figures() (count int, size int64, written uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count, r.size, r.written
}
