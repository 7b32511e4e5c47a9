package arc

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/hostid"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/contrib/internal/networks"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/framework"
)

// Sealer is a filter that adds the set of this host to the chain of each message that a
// [Verifier] has verified. Create one with [NewSealer], and mount it last of all filters.
type Sealer struct {
	name    string
	current atomic.Pointer[sealerSettings]
}

// sealerSettings are a configuration and what was made of it. Reload replaces them.
type sealerSettings struct {
	SealerConfig
	sealing *sealing
}

// NewSealer returns a filter. The error joins all mistakes in the configuration.
func NewSealer(cfg SealerConfig) (*Sealer, error) {
	set, err := newSealerSettings(cfg)
	if err != nil {
		return nil, err
	}
	f := &Sealer{name: cmp.Or(cfg.Name, "arc-seal")}
	f.current.Store(set)
	return f, nil
}

// Reload replaces the configuration, such as the key, for the messages that begin after the call.
// Messages that have begun keep the old configuration. If Reload returns an error, the old
// configuration stays active. It ignores a new name. It is safe for concurrent use.
func (f *Sealer) Reload(cfg SealerConfig) error {
	set, err := newSealerSettings(cfg)
	if err != nil {
		return err
	}
	f.current.Store(set)
	return nil
}

func newSealerSettings(cfg SealerConfig) (*sealerSettings, error) {
	w, err := newSealing(&cfg)
	errs := []error{err, hostid.Check(cfg.AuthservID, nil)}
	cfg.Networks, err = unmapped("Networks", cfg.Networks)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	if cfg.Networks == nil {
		cfg.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return &sealerSettings{cfg, w}, nil
}

// Name implements [framework.Filter].
func (f *Sealer) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Sealer) Register(r *framework.Router) error {
	h := &sealer{
		filter: f, headers: r.WantHeaders(), client: r.WantClient(), user: r.WantMacro(framework.StageMail, "auth_authen"),
		host: authres.NewHost(r), memory: r.WantMemory(), add: r.GrantAddHeader(), messages: framework.PerMessage[sealed](r),
	}
	r.WantRawHeaders()
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	r.ObserveBody(h.body)
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}

// sealer is a Sealer as registered on one router.
type sealer struct {
	filter   *Sealer
	headers  framework.KeptHeader
	client   framework.KeptClient
	user     framework.Macro
	host     authres.Host
	memory   framework.Memory
	add      framework.HeaderAdder
	messages framework.Slot[sealed]
}

// sealed is the state of one message. The memory of the hash is reused for the next one.
type sealed struct {
	set  *sealerSettings // the settings when the message began
	sums signed.Bodies
	hash *signed.BodyHash // nil if no body was read yet
}

// ResetSlot is called by the framework after each message.
func (m *sealed) ResetSlot() {
	m.sums.Reset()
	m.set, m.hash = nil, nil
}

// begin requests the hash of the body.
func (m *sealed) begin() {
	if m.hash == nil {
		m.hash = m.sums.Request(signed.BodyKind{Method: canon.Relaxed, Limit: signed.Whole})
	}
}

// message returns the state of the message, with the current settings for all of it.
func (h *sealer) message(s *framework.Session) *sealed {
	m := h.messages.Get(s)
	if m.set == nil {
		m.set = h.filter.current.Load()
	}
	return m
}

func (h *sealer) body(s *framework.Session, e *framework.Body) error {
	m := h.message(s)
	if h.excluded(s, m.set) != "" {
		return nil
	}
	m.begin()
	_, err := m.sums.Write(e.Chunk())
	return err
}

// excluded returns why mail of the client is not sealed, or "".
func (h *sealer) excluded(s *framework.Session, cfg *sealerSettings) string {
	addr := h.client.Addr(s).Unmap().WithZone("")
	if !addr.IsValid() && strings.EqualFold(h.client.Host(s), "localhost") {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if user, _ := h.user.Value(s); user != "" {
		if !cfg.Authenticated {
			return "the client has logged in"
		}
		return ""
	}
	if networks.Contain(cfg.Networks, addr) {
		return "the client is in a network of this host"
	}
	return ""
}

func (h *sealer) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.message(s)
	if reason := h.excluded(s, m.set); reason != "" {
		m.set.skip(s, slog.LevelDebug, reason)
		return framework.Continue, nil
	}
	r, ok := ResultsOf(s)
	if !ok {
		m.set.skip(s, slog.LevelWarn, "no verifier has verified the chain")
		return framework.Continue, nil
	}
	if s.BodyInDoubt() {
		m.set.skip(s, slog.LevelWarn, "the header has a line that is no field, so the MTA may deliver another body")
		return framework.Continue, nil
	}
	var refused refusalError
	n, err := h.seal(s, m, &r)
	switch {
	case errors.As(err, &refused):
		m.set.skip(s, slog.LevelInfo, string(refused))
		return framework.Continue, nil
	case err != nil:
		return framework.Continue, err
	}
	for r := range roles { // the seal is the topmost
		if err := h.add.Prepend(s, r.String(), n.values[r]); err != nil {
			return framework.Continue, err
		}
	}
	s.Logger().Info("sealed", "instance", n.instance, "chain", string(n.chain), logattr.QueueID(s))
	m.set.observe(Sealing{Instance: n.instance, Chain: n.chain})
	return framework.Continue, nil
}

// seal returns the set for a message.
func (h *sealer) seal(s *framework.Session, m *sealed, r *Result) (*newSet, error) {
	id, err := h.host.ID(s, m.set.AuthservID)
	if err != nil {
		return nil, err
	}
	fields, own, err := h.read(s, id)
	if err != nil {
		return nil, err
	}
	payload, err := joinResults(id, own, r)
	if err != nil {
		return nil, err
	}
	m.begin() // if the message has no body
	m.sums.End()
	return m.set.sealing.seal(r, payload, fields, m.hash)
}

// read returns the header as the earlier filters have left it, and the results that they wrote.
func (h *sealer) read(s *framework.Session, id string) (fields []signed.Field, own []string, err error) {
	for f := range h.headers.All(s) {
		if err := h.memory.Reserve(s, len(f.Name)+len(f.Raw)+fieldCost); err != nil {
			return nil, nil, err
		}
		fields = append(fields, signed.Field{Name: f.Name, Raw: f.Raw})
		if f.Origin.Added() {
			own = append(own, ownResults(f.Name, f.Value, id)...)
		}
	}
	if !s.RawHeaders() {
		signed.RestoreSpaces(fields)
	}
	return fields, own, nil
}

// skip says why a message is not sealed.
func (v *sealerSettings) skip(s *framework.Session, level slog.Level, reason string) {
	s.BoundedLogger(nil).Log(s.Context(), level, "not sealed", "reason", reason, logattr.QueueID(s))
	v.observe(Sealing{Reason: reason})
}

func (v *sealerSettings) observe(what Sealing) {
	if v.Observe != nil {
		v.Observe(what)
	}
}
