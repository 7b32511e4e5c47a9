package dmarc

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/networks"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/framework"
)

// beginner begins the lookups of a message beside the session.
type beginner struct {
	filter  *Filter
	client  framework.KeptClient
	user    framework.Macro
	headers framework.KeptHeader
	beside  framework.AsyncValue[struct{}]
}

func newBeginner(f *Filter, r *framework.Router) *beginner {
	return &beginner{
		filter: f, client: r.WantClient(), user: r.WantMacro(framework.StageMail, "auth_authen"),
		headers: r.WantHeaders(), beside: framework.Async[struct{}](r),
	}
}

// begun is what is known of a message before its end.
type begun struct {
	cfg      *Config // the configuration when the header was complete
	deadline time.Time
	budget   *resolver.Budget
	authors  *authors
	look     *lookups
	// left is the time that was left when the lookups beside the session ended. It is running
	// before.
	left atomic.Int64
}

const running = -1

// begunKey is the key of *begun among the values of a message's context: one for each filter.
type begunKey struct{ filter *Filter }

// maxQueries is the number of queries that an evaluation may need: see README.md.
const maxQueries = (maxAuthors+maxOrganizations)*8 + maxAuthors

func (b *beginner) endOfHeaders(s *framework.Session, _ *framework.EndOfHeaders) error {
	b.begin(s)
	return nil
}

func (b *beginner) beforeEndOfMessage(s *framework.Session) error {
	b.begin(s).resume()
	return nil
}

// resume moves the deadline at the end of the message, if no lookup runs: while only the body
// came, the time did not count. Otherwise a client that sends slowly could turn a result into a
// temperror.
func (m *begun) resume() {
	if left := m.left.Load(); left != running {
		m.deadline = time.Now().Add(time.Duration(left))
	}
}

// begin reads the author and begins the lookups, once for a message. If too many functions run
// beside sessions, the end of the message looks up.
func (b *beginner) begin(s *framework.Session) *begun {
	key := begunKey{b.filter}
	if m, ok := s.ContextValue(key).(*begun); ok {
		return m
	}
	cfg := b.filter.current.Load()
	m := &begun{
		cfg: cfg, deadline: time.Now().Add(cfg.Timeout), budget: resolver.NewBudget(maxQueries, maxQueries),
		authors: authorsOf(&Input{From: b.from(s)}), look: newLookups(cfg.Resolver),
	}
	m.left.Store(int64(cfg.Timeout))
	s.SetContextValue(key, m)
	if addr, reason := b.own(s); reason == "" && len(m.authors.list) > 0 && !networks.Contain(cfg.Networks, addr) {
		b.prepare(s, m)
	}
	return m
}

// prepare begins the lookups beside the session.
func (b *beginner) prepare(s *framework.Session, m *begun) {
	deadline := m.deadline
	m.left.Store(running)
	err := b.beside.Start(s, func(ctx context.Context) (struct{}, error) {
		ctx, cancel := m.context(ctx)
		defer cancel()
		defer func() { m.left.Store(int64(max(0, time.Until(deadline)))) }()
		m.look.prepare(ctx, m.authors)
		return struct{}{}, nil
	})
	if err != nil {
		m.left.Store(int64(m.cfg.Timeout))
	}
}

// context returns a context for the lookups of the message.
func (m *begun) context(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(resolver.WithBudget(ctx, m.budget), m.deadline)
}

// from returns the values of the From fields.
func (b *beginner) from(s *framework.Session) []string {
	var list []string
	for f := range b.headers.Named(s, "From") {
		list = append(list, f.Value)
	}
	return list
}

// own returns the address of the client, and why its mail is not evaluated, as far as the session
// tells. The address is 127.0.0.1 for a program on this host.
func (b *beginner) own(s *framework.Session) (addr netip.Addr, reason string) {
	addr = b.client.Addr(s).Unmap().WithZone("")
	if !addr.IsValid() && strings.EqualFold(b.client.Host(s), "localhost") {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if user, _ := b.user.Value(s); user != "" {
		return addr, "the client has logged in"
	}
	return addr, ""
}
