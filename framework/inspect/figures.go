package inspect

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// Bounds of the figures.
const (
	numMinutes = 60
	maxFilters = 64 // filters beyond have no figures
	maxErrors  = 50
)

// figures are those of the last hour, of all messages, recorded or not.
type figures struct {
	mu         sync.Mutex
	seen, kept uint64
	minutes    [numMinutes]minute // by the minute modulo their number
	latest     int64              // the minute of the last message
	filters    []filterFigures
	end        tape.End

	failed      [maxErrors]uint64 // the IDs of the last records with an error, a circle
	failures    int               // of all time
	connections func() int64      // of the server, or 0
}

// minute are the messages of one minute. now is the minute since 1970.
type minute struct {
	now                       int64
	messages, refused, failed uint64
	connections               int64 // when the next one with messages began
}

// filterFigures are the figures of one filter.
type filterFigures struct {
	name                              string
	messages, edited, refused, failed uint64
	minutes                           [numMinutes]filterMinute
}

// filterMinute is how long a filter worked on the messages of one minute.
type filterMinute struct {
	now      int64
	messages uint64
	longest  uint64
	times    histogram
}

// add counts a message.
func (f *figures) add(now time.Time, rec *framework.Recording, kept bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	if kept {
		f.kept++
	}
	at := now.Unix() / 60
	m := &f.minutes[at%numMinutes]
	if m.now != at {
		*m = minute{now: at}
		f.minutes[f.latest%numMinutes].connections = f.connections()
		f.latest = at
	}
	m.messages++
	if rec.Failed {
		m.failed++
	}
	end, ok := tape.LastFigures(rec.Bytes)
	if !ok {
		return // a fault of ours, which tests exclude
	}
	by := ""
	if refusing(end.State) {
		m.refused++
		f.end.Filters = f.end.Filters[:0]
		_ = tape.LastEnd(rec.Bytes, &f.end)
		by = f.end.Filter
	}
	f.addFilters(at, rec.Bytes, &end, by)
}

// refusing reports whether a state is that of mail that a filter refused.
func refusing(state byte) bool {
	return state == tape.StateRejected || state == tape.StateDeferred || state == tape.StateRefused
}

// addFilters counts what each filter did, and which one refused the message. The names of the
// filters are among the first entries of a record.
func (f *figures) addFilters(at int64, rec []byte, end *tape.Figures, by string) {
	i, r := 0, tape.NewReader(rec)
	for i < end.Filters() && r.Next() {
		switch r.Kind() { //nolint:exhaustive // the others come later
		case tape.KindID, tape.KindSession:
			continue
		case tape.KindFilter:
		default:
			return
		}
		if fig := f.filter(r.FilterName(), i); fig != nil {
			fig.add(at, end.Filter(i), refusing(end.State), by)
		}
		i++
	}
}

// filter returns the figures of a filter, which are most likely the i-th.
func (f *figures) filter(name []byte, i int) *filterFigures {
	if i < len(f.filters) && f.filters[i].name == string(name) {
		return &f.filters[i]
	}
	at := slices.IndexFunc(f.filters, func(fig filterFigures) bool { return fig.name == string(name) })
	switch {
	case at >= 0:
		return &f.filters[at]
	case len(f.filters) == maxFilters:
		return nil
	}
	f.filters = append(f.filters, filterFigures{name: string(bytes.Clone(name))})
	return &f.filters[len(f.filters)-1]
}

func (fig *filterFigures) add(at int64, end tape.FilterEnd, refused bool, by string) {
	if !end.Called {
		return
	}
	fig.messages++
	if end.Failed {
		fig.failed++
	}
	if end.Edited && !refused {
		fig.edited++
	}
	if refused && by == fig.name {
		fig.refused++
	}
	m := &fig.minutes[at%numMinutes]
	if m.now != at {
		*m = filterMinute{now: at}
	}
	m.messages++
	m.longest = max(m.longest, end.Work)
	m.times.add(end.Work)
}

// fail remembers a record with an error.
func (f *figures) fail(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed[f.failures%maxErrors] = id
	f.failures++
}

// lastFailed returns the IDs of the last records with an error, newest first.
func (f *figures) lastFailed() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []uint64
	for i := range min(f.failures, maxErrors) {
		ids = append(ids, f.failed[(f.failures-1-i)%maxErrors])
	}
	return ids
}

// minutesUntil returns the last hour.
func (f *figures) minutesUntil(now time.Time) []page.Minute {
	at := now.Unix() / 60
	list := make([]page.Minute, 0, numMinutes)
	for n := at - numMinutes + 1; n <= at; n++ {
		out := page.Minute{At: time.Unix(n*60, 0).UTC()}
		if m := &f.minutes[n%numMinutes]; m.now == n {
			out.Messages, out.Refused, out.Failed, out.Connections = m.messages, m.refused, m.failed, m.connections
		}
		list = append(list, out)
	}
	return list
}

// filtersUntil returns the figures of the filters.
func (f *figures) filtersUntil(now time.Time) []page.FilterFigures {
	at := now.Unix() / 60
	list := make([]page.FilterFigures, 0, len(f.filters))
	for i := range f.filters {
		fig := &f.filters[i]
		out := page.FilterFigures{
			Name: fig.name, Messages: fig.messages, Edited: fig.edited, Refused: fig.refused, Failed: fig.failed,
		}
		for n := at - numMinutes + 1; n <= at; n++ {
			var fm page.FilterMinute
			if m := &fig.minutes[n%numMinutes]; m.now == n {
				fm = page.FilterMinute{
					Messages: m.messages, Longest: time.Duration(m.longest), //nolint:gosec // a time of this process
					P50: m.times.quantile(m.messages, 50, m.longest), P95: m.times.quantile(m.messages, 95, m.longest),
				}
			}
			out.Minutes = append(out.Minutes, fm)
		}
		list = append(list, out)
	}
	return list
}
