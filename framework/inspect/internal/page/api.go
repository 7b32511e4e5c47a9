package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/internal/readable"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// The limits of a list.
const (
	defaultLimit = 50
	maxLimit     = 500
	// maxRecipients is the number of recipients of all records of a list, after which it ends:
	// those of one record are as many as a client likes.
	maxRecipients = 10_000
	// searchTime limits the time of one search.
	searchTime = 3 * time.Second
)

// List is the answer of /api/messages, and the data of an event.
type List struct {
	Messages []record.Summary `json:"messages"`
	// More reports whether there are more records. Next is then what a request for them has
	// as its parameter before. A search that took too long has More, and maybe no messages.
	More bool   `json:"more"`
	Next string `json:"next,omitempty"`
	// Partial reports whether messages that other processes recorded may be missing, because the
	// folder's disk takes too long.
	Partial bool `json:"partial,omitempty"`
}

// messages answers /api/messages.
func (h *Handler) messages(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	search, err := parseSearch(values.Get("q"))
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	q := Query{Before: values.Get("before"), After: values.Get("after"), Limit: defaultLimit}
	if text := values.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > maxLimit {
			refuse(w, r, http.StatusBadRequest, "limit is a number from 1 to "+strconv.Itoa(maxLimit))
			return
		}
	}
	if q.Before != "" && !validID(q.Before) {
		refuse(w, r, http.StatusBadRequest, "before is not the ID of a record")
		return
	}
	if q.After != "" && !validID(q.After) {
		refuse(w, r, http.StatusBadRequest, "after is not the ID of a record")
		return
	}
	if !h.enter(w, r) {
		return
	}
	list := h.find(r, q, search)
	h.leave()
	answer(w, r, list)
}

// find runs a query, for as long as the browser waits for it and a search may take.
func (h *Handler) find(r *http.Request, q Query, s search) List {
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	recipients := 0
	q.Match = func(m *record.Summary) (wanted, end bool) {
		if wanted = s.match(m); wanted {
			recipients += len(m.Recipients)
		}
		return wanted, ctx.Err() != nil || recipients >= maxRecipients
	}
	messages, next, partial := h.source.Recent(ctx, q)
	if messages == nil {
		messages = []record.Summary{} // [] rather than null
	}
	return List{Messages: messages, More: next != "", Next: next, Partial: partial}
}

// message answers /api/messages/ID.
func (h *Handler) message(w http.ResponseWriter, r *http.Request) {
	h.serveMessage(w, r, func(m *record.Message) any { return m })
}

// readable answers /api/messages/ID/readable.
func (h *Handler) readable(w http.ResponseWriter, r *http.Request) {
	h.serveMessage(w, r, func(m *record.Message) any { return readable.Of(m) })
}

// serveMessage reads the record whose ID is in the path, and answers with the JSON of what show
// returns for it.
func (h *Handler) serveMessage(w http.ResponseWriter, r *http.Request, show func(*record.Message) any) {
	h.serveRecord(w, r, func(ctx context.Context, id string) ([]byte, error) {
		m, err := h.source.Message(ctx, id)
		if err != nil {
			return nil, err
		}
		return encode(show(m))
	}, writeJSON)
}

// record answers /api/messages/ID/record: a file for package record and for probe -replay.
func (h *Handler) record(w http.ResponseWriter, r *http.Request) {
	h.serveRecord(w, r, h.source.Raw, func(w http.ResponseWriter, raw []byte) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+r.PathValue("id")+record.Ext+`"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
		_, _ = w.Write(raw)
	})
}

// largeAnswer is the size in bytes above which an answer keeps its seat until the browser has
// taken it, so that the memory of all answers is bounded. A browser that does not read keeps no
// seat for a smaller one.
const largeAnswer = 2 << 20

// serveRecord reads the record whose ID is in the path as the answer, and writes it.
func (h *Handler) serveRecord(w http.ResponseWriter, r *http.Request,
	read func(ctx context.Context, id string) ([]byte, error), write func(http.ResponseWriter, []byte),
) {
	id := r.PathValue("id")
	if !validID(id) {
		refuse(w, r, http.StatusNotFound, "this is not the ID of a record")
		return
	}
	if !h.enter(w, r) {
		return
	}
	leave := sync.OnceFunc(h.leave)
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	found, err := read(ctx, id)
	if err != nil || len(found) <= largeAnswer {
		leave()
	}
	switch {
	case errors.Is(err, ErrNotFound):
		refuse(w, r, http.StatusNotFound, "the record is not there any more: newer ones took its place")
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", "5")
		refuse(w, r, http.StatusServiceUnavailable, "looking for the record takes too long: try again")
	case err != nil:
		refuse(w, r, http.StatusInternalServerError, err.Error())
	default:
		write(w, found)
	}
}

// server answers /api/server.
func (h *Handler) server(w http.ResponseWriter, r *http.Request) { answer(w, r, h.source.Server()) }

// plan answers /api/plan: the JSON of framework.Plan.
func (h *Handler) plan(w http.ResponseWriter, r *http.Request) {
	plan := h.source.Server().Plan
	if plan == nil {
		refuse(w, r, http.StatusNotFound, "there is no server whose plan is known")
		return
	}
	answer(w, r, plan)
}

// enter waits for a seat among the requests that read records. If it returns false, it has
// answered.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request) bool {
	waiting := time.NewTimer(searchTime)
	defer waiting.Stop()
	select {
	case h.readers <- struct{}{}:
		return true
	case <-r.Context().Done():
	case <-waiting.C:
		w.Header().Set("Retry-After", "5")
		refuse(w, r, http.StatusServiceUnavailable, "too many others search at the same time: try again")
	}
	return false
}

// leave gives the seat back.
func (h *Handler) leave() { <-h.readers }

// answer writes JSON.
func answer[T any](w http.ResponseWriter, r *http.Request, v T) {
	text, err := encode(v)
	if err != nil {
		refuse(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	writeJSON(w, text)
}

func writeJSON(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) //nolint:gosec // it is JSON, and no browser takes it for HTML
}

// encode returns a value as a line of JSON, in which addresses are as they are: <ann@example.org>.
// No browser takes the answers for HTML, because of their type and nosniff.
func encode[T any](v T) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// idCharacters are the characters of IDs.
const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// validID reports whether a text can be the ID of a record. A Source may use an ID as a part of
// a file's name.
func validID(id string) bool {
	if id == "" || len(id) > 64 || id[0] == '.' {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune(idCharacters, r) })
}
