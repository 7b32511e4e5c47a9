package archive

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// Key is what records are sorted by: the time of a record in nanoseconds, and the tag of the
// process that wrote it. No two records have the same key.
type Key struct {
	Time uint64
	Tag  uint16
}

// Last is the greatest key.
var Last = Key{math.MaxUint64, math.MaxUint16}

// Compare returns a negative number if k is before other, and a positive one if it is behind.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Time, other.Time), cmp.Compare(k.Tag, other.Tag))
}

// Next returns the smallest key behind k.
func (k Key) Next() Key {
	switch {
	case k == Last:
		return k
	case k.Tag == math.MaxUint16:
		return Key{k.Time + 1, 0}
	}
	return Key{k.Time, k.Tag + 1}
}

// Previous returns the greatest key before k.
func (k Key) Previous() Key {
	switch {
	case k == Key{}:
		return k
	case k.Tag == 0:
		return Key{k.Time - 1, math.MaxUint16}
	}
	return Key{k.Time, k.Tag - 1}
}

// String returns the key as the ID of its record.
func (k Key) String() string { return fmt.Sprintf("%016x-%04x", k.Time, k.Tag) }

// ParseKey returns the key of an ID.
func ParseKey(id string) (Key, bool) {
	at, tag, ok := strings.Cut(id, "-")
	n, err := strconv.ParseUint(at, 16, 64)
	t, err2 := strconv.ParseUint(tag, 16, 16)
	k := Key{n, uint16(t)}
	return k, ok && err == nil && err2 == nil && k.String() == id
}

// KeyOf returns the key of a record, which is in its first entry.
func KeyOf(rec []byte) (Key, bool) {
	r := tape.NewReader(rec)
	if !r.Next() || r.Kind() != tape.KindID {
		return Key{}, false
	}
	id := r.ID()
	return Key{id.Time, id.Tag}, r.Err() == nil
}
