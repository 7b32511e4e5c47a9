package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

const (
	// heartbeat is the interval of comments in a stream without news.
	heartbeat = 15 * time.Second
	// eventPause is the shortest time between two events.
	eventPause = 250 * time.Millisecond
	// eventSearch limits the time in which a stream looks for what is new.
	eventSearch = 250 * time.Millisecond
	// maxEvent is the number of records in one event. If more came, the event has the newest,
	// and says so.
	maxEvent = 100
)

// events answers /api/events: a stream of server-sent events. Each has the records that came
// since the one before, newest first, as a List; its ID is that of the newest.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	search, err := parseSearch(r.URL.Query().Get("q"))
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after")
	}
	if after != "" && !validID(after) {
		refuse(w, r, http.StatusBadRequest, "after is not the ID of a record")
		return
	}
	if r.Method == http.MethodHead { // which has no body, and needs no seat
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		refuse(w, r, http.StatusServiceUnavailable, fmt.Sprintf("%d browsers follow the list already", MaxStreams))
		return
	}
	if h.closing.Err() != nil {
		refuse(w, r, http.StatusServiceUnavailable, "the server stops")
		return
	}
	s := stream{h: h, w: w, r: r, control: http.NewResponseController(w), search: search, after: after}
	s.run()
}

// stream is one browser that follows the list.
type stream struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	search  search
	after   string // the ID of the newest record that was looked at
	missed  bool   // some were not looked at, which the next event says
}

// run writes events until the browser leaves, does not read, or the stream has lasted for long
// enough.
func (s *stream) run() {
	// Watching begins first, so that no record falls between.
	changed, stop := s.h.source.Watch()
	defer stop()
	if s.after == "" {
		s.after = s.newest()
	}
	s.w.Header().Set("Content-Type", "text/event-stream")
	if s.write("retry: 3000\n\n") != nil || s.send() != nil {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	end := time.NewTimer(StreamLife)
	defer end.Stop()
	for {
		var err error
		select {
		case <-changed:
			if !s.pause() {
				return
			}
			err = s.send()
		case <-beat.C:
			err = s.write(": no news\n\n")
		case <-end.C:
			return
		case <-s.r.Context().Done():
			return
		case <-s.h.closing.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// pause waits, so that a server with much mail sends few events with many records.
func (s *stream) pause() bool {
	timer := time.NewTimer(eventPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.r.Context().Done():
	case <-s.h.closing.Done():
	}
	return false
}

// newest returns the ID of the newest record, or "".
func (s *stream) newest() string {
	if list, _, _ := s.h.source.Recent(s.r.Context(), Query{Limit: 1}); len(list) > 0 {
		return list[0].ID
	}
	return ""
}

// send writes an event with what is new, if there is anything.
func (s *stream) send() error {
	select {
	case s.h.readers <- struct{}{}:
	case <-s.r.Context().Done():
		return s.r.Context().Err()
	case <-s.h.closing.Done():
		return s.h.closing.Err()
	}
	list := s.news()
	s.h.leave()
	list.More = list.More || s.missed
	if s.missed = list.More && len(list.Messages) == 0; len(list.Messages) == 0 {
		return nil
	}
	data, err := encode(list) // ends with LF
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("id: %s\nevent: messages\ndata: %s\n", s.after, data))
}

// news returns what is new, as far as there is time to look at it.
func (s *stream) news() List {
	ctx, cancel := context.WithTimeout(s.r.Context(), eventSearch)
	defer cancel()
	newest, recipients := "", 0
	q := Query{After: s.after, Limit: maxEvent, Live: true}
	q.Match = func(m *record.Summary) (wanted, end bool) {
		newest = max(newest, m.ID)
		if wanted = s.search.match(m); wanted {
			recipients += len(m.Recipients)
		}
		return wanted, ctx.Err() != nil || recipients >= maxRecipients
	}
	list, next, partial := s.h.source.Recent(ctx, q)
	if newest != "" { // s.after may be no ID of this source, and greater
		s.after = newest
	}
	return List{Messages: list, More: next != "", Partial: partial}
}

// write writes a part of the stream. A browser that does not read it in time is dropped.
func (s *stream) write(text string) error {
	err := s.control.SetWriteDeadline(time.Now().Add(eventTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
