package resolver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework/printable"
)

// Lookup is one lookup and how it ended, for Config.Observe. It may be kept.
type Lookup struct {
	// Name is the name that was looked up, in lower case without a final dot. If the
	// error is ErrName, it is the text that the caller gave, which may have any bytes.
	Name string
	// Type is the type of the records.
	Type Type
	// Answer is the answer, or nil if there is an error. It must not be modified.
	Answer *Answer
	// Err is the error that the caller got.
	Err error
	// Source is where the answer or the error comes from.
	Source Source
	// Began is when the lookup began, and Duration the time that its caller waited.
	Began    time.Time
	Duration time.Duration
}

// Source is where the outcome of a lookup comes from. Its text is for people, and suitable as
// a label of metrics.
type Source string

// The sources.
const (
	// FromCache: a lookup before this one had the same outcome.
	FromCache Source = "cache"
	// FromServers: name servers were queried, for this lookup or for one at the same time
	// that has the same name and type. They need not have answered.
	FromServers Source = "network"
	// FromNowhere: nothing was looked up. The text is no name, the [Budget] is used up, or
	// the context had ended before.
	FromNowhere Source = "not looked up"
)

// shownOutcome limits the text of an outcome, in bytes.
const shownOutcome = 500

// Outcome returns the records or the error in words, such as "10 mx.example.org" or "no such
// name". Records are separated by commas, and texts are quoted. The result is one line of
// printable characters. It names at most 500 bytes of the records and says how many it leaves
// out.
func (l Lookup) Outcome() string {
	if l.Err != nil {
		return printable.Short(reason(l.Err), shownOutcome)
	}
	var words []string
	for _, text := range l.Answer.TXT {
		words = append(words, strconv.QuoteToGraphic(text))
	}
	for _, addr := range l.Answer.Addrs {
		words = append(words, addr.String())
	}
	for _, mx := range l.Answer.MX {
		words = append(words, fmt.Sprintf("%d %s", mx.Preference, cmp.Or(mx.Host, ".")))
	}
	return printable.Short(strings.Join(append(words, l.Answer.Names...), ", "), shownOutcome)
}

// reason returns what an error says without the name and the type, which the Lookup has.
func reason(err error) string {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
		return err.Error()
	case f.detail == "":
		return f.kind.Error()
	default:
		return f.kind.Error() + ": " + f.detail
	}
}

// String returns the lookup as one line of printable characters, such as
//
//	example.org MX: 10 mx.example.org (network, 12ms)
func (l Lookup) String() string {
	took := l.Duration.Round(time.Millisecond)
	if took == 0 {
		took = l.Duration.Round(time.Microsecond)
	}
	return fmt.Sprintf("%s %s: %s (%s, %s)", printable.Short(l.Name, maxName), l.Type, l.Outcome(), l.Source, took)
}

// note returns what a recording says of the lookup. The recording has the time and the error
// itself.
func (l Lookup) note() string {
	text := printable.Short(l.Name, maxName) + " " + l.Type.String()
	if l.Err == nil {
		text += ": " + l.Outcome()
	}
	return text + " (" + string(l.Source) + ")"
}

// The limits of a [Trace].
const (
	maxTraced      = 1000
	maxTracedBytes = 4 << 20
)

// Trace keeps the lookups of a resolver in memory, for a command that checks one message and
// shows what it looked up. Its method Add is for Config.Observe. It keeps the first 1,000
// lookups, and fewer if their names and answers take more than 4 MiB. The zero value is ready
// to use. A Trace is safe for concurrent use.
type Trace struct {
	mu      sync.Mutex
	lookups []Lookup
	bytes   int
	dropped int
}

// Add adds a lookup, or counts it if the Trace is full.
func (t *Trace) Add(l Lookup) {
	size := len(l.Name)
	if l.Answer != nil {
		size += l.Answer.size()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dropped > 0 || len(t.lookups) == maxTraced || t.bytes+size > maxTracedBytes {
		t.dropped++
		return
	}
	t.lookups, t.bytes = append(t.lookups, l), t.bytes+size
}

// Lookups returns the lookups so far in the order in which they began, and the number of
// those that were dropped.
func (t *Trace) Lookups() (lookups []Lookup, dropped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lookups = slices.Clone(t.lookups)
	slices.SortStableFunc(lookups, func(a, b Lookup) int { return a.Began.Compare(b.Began) })
	return lookups, t.dropped
}
