package pagetest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Source is a page.Source in memory. It is safe for concurrent use.
type Source struct {
	// Figures is what Server returns.
	Figures page.Server
	// Partial is whether lists lack records.
	Partial bool

	mu       sync.Mutex
	messages []*record.Message // oldest first
	watchers map[chan struct{}]bool
}

// New returns a source with records, oldest first.
func New(messages ...*record.Message) *Source {
	return &Source{messages: messages, watchers: make(map[chan struct{}]bool), Figures: Figures(time.Now())}
}

// Add adds records, whose IDs are greater than those before.
func (s *Source) Add(messages ...*record.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, messages...)
	for changed := range s.watchers {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// Watchers returns the number of those who watch.
func (s *Source) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers)
}

// Recent implements page.Source.
func (s *Source) Recent(_ context.Context, q page.Query) (list []record.Summary, next string, partial bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, message := range slices.Backward(s.messages) {
		m := message.Summary
		switch {
		case q.Before != "" && m.ID >= q.Before:
			continue
		case m.ID <= q.After:
			return list, "", s.Partial
		case len(list) == q.Limit:
			return list, list[len(list)-1].ID, s.Partial
		}
		wanted, end := q.Match == nil, false
		if q.Match != nil {
			wanted, end = q.Match(&m)
		}
		if wanted {
			list = append(list, m)
		}
		if end {
			return list, m.ID, s.Partial
		}
	}
	return list, "", s.Partial
}

// Message implements page.Source.
func (s *Source) Message(_ context.Context, id string) (*record.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return nil, page.ErrNotFound
}

// Raw implements page.Source. The file is not one that package record reads.
func (s *Source) Raw(ctx context.Context, id string) ([]byte, error) {
	m, err := s.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// Watch implements page.Source.
func (s *Source) Watch() (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[ch] = true
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, ch)
	}
}

// Server implements page.Source.
func (s *Source) Server() page.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Figures
}

// Plan is the plan of filters that do what those of the records do.
func Plan() *framework.Plan {
	r := framework.NewRouter()
	r.Mount(named{"spf", func(r *framework.Router) {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
	}})
	r.Mount(named{"greylist", func(r *framework.Router) {
		r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
	}})
	r.Mount(named{"headers", func(r *framework.Router) {
		r.GrantAddHeader()
		r.GrantChangeHeader()
		r.WantMacro(framework.StageEndOfMessage, "i")
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	}})
	r.Mount(named{"banner", func(r *framework.Router) { r.GrantReplaceBody() }})
	plan, err := r.Plan()
	if err != nil { // it is the same for each test
		panic(err)
	}
	return plan
}

// named is a filter by its name and registration.
type named struct {
	name     string
	register func(*framework.Router)
}

// Name implements framework.Filter.
func (n named) Name() string { return n.name }

// Register implements framework.Filter.
func (n named) Register(r *framework.Router) error {
	n.register(r)
	return nil
}
