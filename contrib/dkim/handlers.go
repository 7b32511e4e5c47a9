package dkim

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// handlers is a filter as registered on one router.
type handlers struct {
	filter   *Filter
	add      framework.HeaderAdder
	remove   framework.HeaderChanger
	hold     framework.Quarantiner
	user     framework.Macro
	host     framework.Macro
	macros   []framework.Macro
	messages framework.Slot[message]
	client   framework.Slot[client]
}

// client is the SMTP client of a connection. The address is that of this host
// for a client on a unix socket, and for this host's own programs.
type client struct{ addr netip.Addr }

// registerTrust asks for what tells whose a message is.
func (h *handlers) registerTrust(r *framework.Router) {
	h.user = r.WantMacro(framework.StageMail, "auth_authen")
	for _, name := range h.filter.macros {
		h.macros = append(h.macros, r.WantMacro(macroStage(name), name))
	}
}

// macroStage returns where a macro is asked for: those of the daemon are there
// from the connection on.
func macroStage(name string) framework.Stage {
	switch name {
	case "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr", "j", "v", "client_name", "client_addr":
		return framework.StageConnect
	default:
		return framework.StageMail
	}
}

func (h *handlers) connect(s *framework.Session, e *framework.Connect) error {
	addr := e.Addr()
	if !addr.IsValid() && (e.Path() != "" || strings.EqualFold(e.Host(), "localhost")) {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	h.client.Get(s).addr = addr
	return nil
}

// message is what is kept of a message. Its memory is used again.
type message struct {
	set       *settings // in force when the message began
	fields    []Field
	size      int
	forged    []framework.HeaderHandle
	sums      bodies
	began     bool // the header is complete
	signs     *bodyHash
	keys      []*signKey
	author    string
	verifying *verification
}

// ResetSlot is called by the framework after each message.
func (m *message) ResetSlot() {
	m.sums.reset()
	*m = message{fields: again(m.fields), forged: again(m.forged), sums: m.sums}
}

// again returns a slice's memory for the next message, unless one of few has made
// it large.
func again[T any](s []T) []T {
	if cap(s) > 1000 {
		return nil
	}
	clear(s)
	return s[:0]
}

// maxHeader bounds the header of a message that is signed or verified. MTAs
// themselves take far less.
const maxHeader = 8 << 20

func (h *handlers) header(s *framework.Session, e *framework.Header) error {
	m := h.messages.Get(s)
	h.pin(m)
	f := Field{Name: e.RawName(), Raw: e.Raw()}
	if m.size += len(f.Name) + len(f.Raw); m.size > maxHeader {
		m.fields, m.forged = nil, nil
		return nil
	}
	m.fields = append(m.fields, f)
	if m.set.verifying != nil && f.is(resultsField) && h.forged(s, m.set.verifying, f.Raw) {
		m.forged = append(m.forged, e.Handle())
	}
	return nil
}

// pin keeps the configuration that is in force for the whole message.
func (h *handlers) pin(m *message) {
	if m.set == nil {
		m.set = h.filter.now.Load()
	}
}

// forged reports whether an Authentication-Results field has our name, which it
// may have if it comes from a host that verifies for us.
func (h *handlers) forged(s *framework.Session, v *verifying, value string) bool {
	if holds(v.relays, h.client.Get(s).addr) {
		return false
	}
	return claims(value, append(slices.Clone(v.also), h.authservID(s, v)))
}

// authservID returns our name.
func (h *handlers) authservID(s *framework.Session, v *verifying) string {
	if v.id != "" {
		return v.id
	}
	host, _ := h.host.Value(s)
	return host
}

// ours reports whether a message of these authors may be signed.
func (h *handlers) ours(s *framework.Session, t *trust, from []string) bool {
	if user, _ := h.user.Value(s); t.takes(user, from) {
		return true
	}
	for _, m := range h.macros {
		if value, ok := m.Value(s); ok && slices.Contains(t.macros[m.Name()], value) {
			return true
		}
	}
	addr := h.client.Get(s).addr
	return addr.IsValid() && holds(t.networks, addr) && !holds(t.except, addr)
}

func (h *handlers) endOfHeaders(s *framework.Session, _ *framework.EndOfHeaders) error {
	m := h.messages.Get(s)
	h.pin(m)
	h.begin(s, m)
	return nil
}

// begin decides what is done with the message, once its header is complete.
func (h *handlers) begin(s *framework.Session, m *message) {
	if m.began {
		return
	}
	m.began = true
	if m.size > maxHeader {
		return
	}
	if !s.RawHeaders() {
		restoreSpaces(m.fields)
	}
	if sg := m.set.signing; sg != nil && h.beginSigning(s, m, sg) {
		return
	}
	if v := m.set.verifying; v != nil {
		m.verifying = v.begin(m.fields, &m.sums)
	}
}

// beginSigning reports whether the message is ours, and there is a key for it.
func (h *handlers) beginSigning(s *framework.Session, m *message, sg *signing) bool {
	from := authors(m.fields)
	if !h.ours(s, &m.set.trust, from) {
		return false
	}
	if m.keys = sg.candidates(from); len(m.keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.Logger().Debug("not signed", "reason", "no key for the author at this time", "authors", len(from), "queue", s.QueueID())
		return false
	}
	m.author = from[0]
	m.signs = m.sums.want(bodyKind{sg.body, whole})
	return true
}

// restoreSpaces puts the space after each colon back, where an MTA that does not
// know SMFIP_HDR_LEADSPC has taken it away. One that was not there cannot be told
// from one that was, and is rare; a tab was never taken.
func restoreSpaces(fields []Field) {
	for i := range fields {
		if !strings.HasPrefix(fields[i].Raw, "\t") {
			fields[i].Raw = " " + fields[i].Raw
		}
	}
}

func (h *handlers) body(s *framework.Session, e *framework.Body) error {
	h.messages.Get(s).sums.write(e.Chunk())
	return nil
}

func (h *handlers) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.messages.Get(s)
	h.pin(m)
	h.begin(s, m)
	m.sums.end()
	switch {
	case m.size > maxHeader:
		return framework.Reply(552, "5.3.4", "message header too large for DKIM")
	case m.signs != nil:
		if err := h.removeForged(s, m); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, h.sign(s, m)
	case m.verifying != nil:
		return h.verify(s, m)
	default:
		return framework.Continue, nil
	}
}

// sign adds a signature for each key that is live. The first key's is the
// topmost.
func (h *handlers) sign(s *framework.Session, m *message) error {
	sg := m.set.signing
	ctx, cancel := context.WithTimeout(s.Context(), publishedTimeout)
	defer cancel()
	keys := live(m.keys, m.author, func(k *signKey) bool { return usable(ctx, s, sg, k, m.author) })
	if len(keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.Logger().Warn("not signed", "reason", "no key is published", "queue", s.QueueID())
		return nil
	}
	values, err := sg.sign(keys, m.fields, m.author, m.signs)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := h.add.Insert(s, i, signatureField, value); err != nil {
			return err
		}
		d := keys[i].domainFor(m.author)
		m.set.report(Event{Kind: EventSigned, Domain: d}, m.fields)
		s.Logger().Info("signed", "domain", d, "selector", keys[i].Selector, "key", keys[i].kind, "queue", s.QueueID())
	}
	return nil
}

// publishedTimeout bounds the wait for the answers whether a message's keys are
// published.
const publishedTimeout = 10 * time.Second

// usable reports whether a key may be signed with: it is published, or nobody
// wants to know. What was seen once is not asked again.
func usable(ctx context.Context, s *framework.Session, sg *signing, k *signKey, author string) bool {
	if sg.resolver == nil || k.published.Load() {
		return true
	}
	d := k.domainFor(author)
	if err := CheckPublished(ctx, sg.resolver, k.Selector, d, k.Signer.Public()); err != nil {
		s.Logger().Warn("key not used", "domain", d, "selector", k.Selector, "error", err, "queue", s.QueueID())
		return false
	}
	if k.Domain != fromDomain {
		k.published.Store(true)
	}
	return true
}

// verify adds the results, removes those that others have forged, and applies
// the policies.
func (h *handlers) verify(s *framework.Session, m *message) (framework.Verdict, error) {
	v := m.set.verifying
	results := m.verifying.finish(s.Context())
	report(s, m, results)
	if err := h.removeForged(s, m); err != nil {
		return framework.Continue, err
	}
	id := h.authservID(s, v)
	if id == "" {
		return framework.Continue, errors.New("dkim: neither the configuration nor the MTA says what Authentication-Results is to name us")
	}
	if err := h.add.Insert(s, 0, resultsField, FormatResults(id, results)); err != nil {
		return framework.Continue, err
	}
	action, reason := v.judge(m.fields, results)
	if action == Accept {
		return framework.Continue, nil
	}
	s.Logger().Info("policy applied", "action", action.String(), "reason", reason, "queue", s.QueueID())
	return h.act(s, action, reason)
}

func (h *handlers) act(s *framework.Session, action Action, reason string) (framework.Verdict, error) {
	switch action {
	case Quarantine:
		return framework.Continue, h.hold.Quarantine(s, "dkim: "+reason)
	case TempFail:
		return framework.Reply(451, "4.7.20", "message not accepted now: "+reason)
	case Reject:
		return framework.Reply(550, "5.7.20", "message not accepted: "+reason)
	default:
		return framework.Continue, nil
	}
}

func (h *handlers) removeForged(s *framework.Session, m *message) error {
	for _, handle := range m.forged {
		// Somebody before us may have taken it away already.
		if err := h.remove.Delete(s, handle); err != nil && !errors.Is(err, framework.ErrNoHeader) {
			return err
		}
		m.set.report(Event{Kind: EventForged}, nil)
	}
	if n := len(m.forged); n > 0 {
		s.Logger().Info("forged results removed", "fields", n, "queue", s.QueueID())
	}
	return nil
}

func report(s *framework.Session, m *message, results []Result) {
	if n := m.verifying.skipped; n > 0 {
		s.Logger().Warn("too many signatures", "left out", n, "queue", s.QueueID())
	}
	for i := range results {
		r := &results[i]
		m.set.report(Event{Kind: EventVerified, Status: r.Status, Domain: r.Domain}, m.fields)
		s.Logger().Info("verified", "result", string(r.Status), "reason", r.Reason,
			"domain", r.Domain, "selector", r.Selector, "algorithm", r.Algorithm, "bits", r.Bits, "queue", s.QueueID())
	}
}
