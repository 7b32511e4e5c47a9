package arc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/hostid"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/framework"
)

// Verifier is a filter that verifies the chain of each message. Create one with [NewVerifier].
type Verifier struct {
	name    string
	noField bool // Reload cannot change it
	current atomic.Pointer[verifierSettings]
}

// verifierSettings are a configuration and what was made of it. Reload replaces them.
type verifierSettings struct {
	VerifierConfig
	rules *rules
}

// NewVerifier returns a filter. The error joins all mistakes in the configuration.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	set, err := newVerifierSettings(cfg)
	if err != nil {
		return nil, err
	}
	f := &Verifier{name: cmp.Or(cfg.Name, "arc"), noField: cfg.NoField}
	f.current.Store(set)
	return f, nil
}

// ErrRestart is the error of [Verifier.Reload] for a configuration that needs something else from
// the MTA. The filter negotiates its needs only once.
var ErrRestart = errors.New("requires a restart to negotiate with the MTA again")

// Reload replaces the configuration for the messages that begin after the call. Messages that
// have begun keep the old configuration. If Reload returns an error, the old configuration stays
// active. It ignores a new name. It returns [ErrRestart] if NoField changes. It is safe for
// concurrent use.
func (f *Verifier) Reload(cfg VerifierConfig) error {
	set, err := newVerifierSettings(cfg)
	if err != nil {
		return err
	}
	if cfg.NoField != f.noField {
		return fmt.Errorf("%w: changing NoField %w", errConfig, ErrRestart)
	}
	f.current.Store(set)
	return nil
}

func newVerifierSettings(cfg VerifierConfig) (*verifierSettings, error) {
	rules, err := newRules(&cfg)
	errs := []error{err, hostid.Check(cfg.AuthservID, cfg.AlsoRemove)}
	cfg.KeepResultsFrom, err = unmapped("KeepResultsFrom", cfg.KeepResultsFrom)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	cfg.AlsoRemove = slices.Clone(cfg.AlsoRemove)
	return &verifierSettings{cfg, rules}, nil
}

// Name implements [framework.Filter].
func (f *Verifier) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Verifier) Register(r *framework.Router) error {
	h := &verifier{
		filter: f, headers: r.WantHeaders(), memory: r.WantMemory(),
		messages: framework.PerMessage[verifying](r), keys: framework.Async[answers](r),
	}
	r.WantRawHeaders()
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	if !f.noField {
		h.client, h.host = r.WantClient(), authres.NewHost(r)
		change := r.GrantChangeHeader()
		h.forged = authres.Remover{Headers: h.headers, Client: h.client, Change: change}
		h.results = authres.Collector{
			Headers: h.headers, Add: r.GrantAddHeader(), Change: change, Written: framework.PerMessage[bool](r),
		}
	}
	r.ObserveEndOfHeaders(h.endOfHeaders)
	r.ObserveBody(h.body)
	r.BeforeEndOfMessage(h.beforeEndOfMessage)
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}

// verifier is a Verifier as registered on one router.
type verifier struct {
	filter   *Verifier
	headers  framework.KeptHeader
	client   framework.KeptClient
	host     authres.Host
	memory   framework.Memory
	forged   authres.Remover
	results  authres.Collector
	messages framework.Slot[verifying]
	keys     framework.AsyncValue[answers]
}

// verifying is the state of one message. The memory of the hashes is reused for the next one.
type verifying struct {
	set   *verifierSettings // the settings when the message began
	sums  signed.Bodies
	begun bool          // the header was read
	chain *verification // nil if the message has no chain
	early []keyName     // that are looked up beside the session, or nil
}

// ResetSlot is called by the framework after each message.
func (m *verifying) ResetSlot() {
	m.sums.Reset()
	*m = verifying{sums: m.sums}
}

// fieldCost is the memory that a field takes in addition to its bytes: in the list of the fields,
// and in the index at the end of the message.
const fieldCost = 192

// fieldsOf returns the header if it has a field of a chain. Otherwise nothing is copied.
func fieldsOf(s *framework.Session, headers framework.KeptHeader, memory framework.Memory) ([]signed.Field, error) {
	size, n, exists := 0, 0, false
	for f := range headers.All(s) {
		if _, ok := roleOf(signed.Field{Name: f.Name}); ok {
			exists = true
			size += 3 * len(f.Raw) // its tags or results, too
		}
		size += len(f.Name) + len(f.Raw) + fieldCost
		n++
	}
	if !exists {
		return nil, nil
	}
	if err := memory.Reserve(s, size); err != nil {
		return nil, err
	}
	fields := make([]signed.Field, 0, n)
	for f := range headers.All(s) {
		fields = append(fields, signed.Field{Name: f.Name, Raw: f.Raw})
	}
	if !s.RawHeaders() {
		signed.RestoreSpaces(fields)
	}
	return fields, nil
}

// endOfHeaders reads the chain. If an earlier filter may edit the header, the framework calls it
// at the end of the message, with the header as that filter has left it.
func (h *verifier) endOfHeaders(s *framework.Session, _ *framework.EndOfHeaders) error {
	m := h.message(s)
	if err := h.begin(s, m); err != nil {
		return err
	}
	if m.chain != nil && m.early == nil {
		h.lookUp(s, m, m.chain.names())
	}
	return nil
}

// message returns the state of the message, with the current settings for all of it.
func (h *verifier) message(s *framework.Session) *verifying {
	m := h.messages.Get(s)
	if m.set == nil {
		m.set = h.filter.current.Load()
	}
	return m
}

// begin reads the chain. The header must be complete.
func (h *verifier) begin(s *framework.Session, m *verifying) error {
	if m.begun {
		return nil
	}
	m.begun = true
	fields, err := fieldsOf(s, h.headers, h.memory)
	if err == nil && fields != nil {
		m.chain = m.set.rules.begin(fields, &m.sums)
	}
	return err
}

// lookUp begins to look up keys beside the session. If too many functions run there,
// endOfMessage looks them up.
func (h *verifier) lookUp(s *framework.Session, m *verifying, names []keyName) {
	if len(names) == 0 {
		return
	}
	rules := m.set.rules
	if h.keys.Start(s, func(ctx context.Context) (answers, error) { return rules.lookUp(ctx, names), nil }) == nil {
		m.early = names
	}
}

// beforeEndOfMessage begins the lookups if an earlier filter may edit the header, so that
// endOfHeaders was not called yet. All filters then wait for the DNS at the same time. It reads
// the header as it came, in which the chain is nearly always the same.
func (h *verifier) beforeEndOfMessage(s *framework.Session) error {
	m := h.message(s)
	if m.begun {
		return nil
	}
	fields, err := fieldsOf(s, h.headers, h.memory)
	if err == nil && fields != nil {
		var unused signed.Bodies
		h.lookUp(s, m, m.set.rules.begin(fields, &unused).names())
	}
	return err
}

func (h *verifier) body(s *framework.Session, e *framework.Body) error {
	_, err := h.messages.Get(s).sums.Write(e.Chunk())
	return err
}

func (h *verifier) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.message(s)
	if err := h.begin(s, m); err != nil { // if the message has no header
		return framework.Continue, err
	}
	m.sums.End()
	r := Result{Status: None}
	if m.chain != nil {
		var err error
		if r, err = h.finish(s, m); err != nil {
			return framework.Continue, err
		}
	}
	m.set.report(s, &r)
	s.SetContextValue(resultKey{}, &r)
	return framework.Continue, h.write(s, m.set, &r)
}

// write removes forged results, and writes that of this message, unless another filter does.
func (h *verifier) write(s *framework.Session, cfg *verifierSettings, r *Result) error {
	if cfg.NoField {
		return nil
	}
	id, err := h.host.ID(s, cfg.AuthservID)
	if err != nil {
		return err
	}
	n, err := h.forged.Remove(s, authres.Judge{IDs: append(slices.Clone(cfg.AlsoRemove), id), Relays: cfg.KeepResultsFrom})
	if err != nil {
		return err
	}
	if n > 0 {
		s.BoundedLogger(nil).Log(s.Context(), cfg.LogLevel, "forged results removed", "fields", n, logattr.QueueID(s))
	}
	return h.results.Write(s, id, r.Authres(h.client.Addr(s)))
}

// finish verifies the chain, and waits for the keys if necessary.
func (h *verifier) finish(s *framework.Session, m *verifying) (Result, error) {
	keys := answers{}
	if m.early != nil {
		early, err := h.keys.Wait(s)
		if err != nil && s.Context().Err() == nil {
			return Result{}, err
		}
		maps.Copy(keys, early)
	}
	missing := slices.DeleteFunc(m.chain.names(), func(n keyName) bool {
		_, ok := keys[n]
		return ok
	})
	maps.Copy(keys, m.set.rules.lookUp(s.Context(), missing)) // none, unless an earlier filter has changed the chain
	return m.chain.finish(s.Context(), keys), nil
}

// report logs the result, and tells Observe.
func (v *verifierSettings) report(s *framework.Session, r *Result) {
	level, domain := v.LogLevel, ""
	if r.Status == None {
		level = min(level, slog.LevelDebug) // the usual result
	}
	if n := len(r.Sets); n > 0 {
		domain = r.Sets[n-1].Domain
	}
	s.Logger().Log(s.Context(), level, "chain verified", "result", string(r.Status), logattr.Of("reason", r.Reason),
		slog.Int("instances", r.Instances), logattr.Of("domain", domain), logattr.QueueID(s))
	if v.Observe != nil {
		v.Observe(*r)
	}
}
