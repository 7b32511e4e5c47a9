package dkim

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// handlers is a filter as registered on one router.
type handlers struct {
	filter     *Filter
	add        framework.HeaderAdder
	remove     framework.HeaderChanger
	quarantine framework.Quarantiner
	user       framework.Macro
	host       framework.Macro
	macros     []framework.Macro
	messages   framework.Slot[message]
	client     framework.Slot[client]
}

// client holds the address of the SMTP client of a connection. The address is
// 127.0.0.1 for a client on a unix socket and for programs on this host.
type client struct{ addr netip.Addr }

// registerTrust requests the macros with which Config.Trust decides about a
// message.
func (h *handlers) registerTrust(r *framework.Router) {
	h.user = r.WantMacro(framework.StageMail, "auth_authen")
	for _, name := range h.filter.macros {
		h.macros = append(h.macros, r.WantMacro(macroStage(name), name))
	}
}

// macroStage returns the stage at which a macro is requested. MTAs send the
// macros of the daemon when the client connects.
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

// message is the state of one message. Its memory is reused for the next
// message.
type message struct {
	set        *settings // the settings when the message began
	fields     []Field
	size       int
	forged     []framework.HeaderHandle
	sums       bodies
	decided    bool // begin has run
	signedBody *bodyHash
	keys       []*signKey
	author     string
	verifying  *verification
}

// ResetSlot is called by the framework after each message.
func (m *message) ResetSlot() {
	m.sums.reset()
	*m = message{fields: recycled(m.fields), forged: recycled(m.forged), sums: m.sums}
}

// recycled empties a slice for the next message. It drops the memory of an
// unusually long slice.
func recycled[T any](s []T) []T {
	if cap(s) > 1000 {
		return nil
	}
	clear(s)
	return s[:0]
}

// maxHeader limits the size of the header of a message that is signed or
// verified, in bytes. The limits of MTAs are much lower.
const maxHeader = 8 << 20

func (h *handlers) header(s *framework.Session, e *framework.Header) error {
	m := h.messages.Get(s)
	h.pinSettings(m)
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

// pinSettings uses the current settings for the whole message.
func (h *handlers) pinSettings(m *message) {
	if m.set == nil {
		m.set = h.filter.current.Load()
	}
}

// forged reports whether an Authentication-Results field carries the name of
// this host. Fields from the networks in Verifying.Relays may carry it.
func (h *handlers) forged(s *framework.Session, v *verifying, value string) bool {
	if contains(v.relays, h.client.Get(s).addr) {
		return false
	}
	return claims(value, append(slices.Clone(v.also), h.authservID(s, v)))
}

// authservID returns the name of this host in Authentication-Results fields.
func (h *handlers) authservID(s *framework.Session, v *verifying) string {
	if v.id != "" {
		return v.id
	}
	host, _ := h.host.Value(s)
	return host
}

// maySign reports whether Config.Trust admits a message of these authors.
func (h *handlers) maySign(s *framework.Session, t *trust, from []string) bool {
	if user, _ := h.user.Value(s); t.trustsLogin(user, from) {
		return true
	}
	for _, m := range h.macros {
		if value, ok := m.Value(s); ok && slices.Contains(t.macros[m.Name()], value) {
			return true
		}
	}
	addr := h.client.Get(s).addr
	return addr.IsValid() && contains(t.networks, addr) && !contains(t.except, addr)
}

func (h *handlers) endOfHeaders(s *framework.Session, _ *framework.EndOfHeaders) error {
	m := h.messages.Get(s)
	h.pinSettings(m)
	h.begin(s, m)
	return nil
}

// begin decides whether to sign or verify the message. The header must be
// complete.
func (h *handlers) begin(s *framework.Session, m *message) {
	if m.decided {
		return
	}
	m.decided = true
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

// beginSigning prepares to sign the message. It returns false if Config.Trust
// does not admit the message or no rule has a key for its author.
func (h *handlers) beginSigning(s *framework.Session, m *message, sg *signing) bool {
	from := authors(m.fields)
	if !h.maySign(s, &m.set.trust, from) {
		return false
	}
	if m.keys = sg.candidates(from); len(m.keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.Logger().Debug("not signed", "reason", "no key for the author at this time", "authors", len(from), queueID(s))
		return false
	}
	m.author = from[0]
	m.signedBody = m.sums.request(bodyKind{sg.body, whole})
	return true
}

// restoreSpaces restores the space after each colon, which an MTA without
// SMFIP_HDR_LEADSPC removes. Such an MTA does not remove a tab. Fields that had
// no space look the same as fields that had one, but they are rare.
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
	h.pinSettings(m)
	h.begin(s, m)
	m.sums.end()
	switch {
	case m.size > maxHeader:
		return framework.Reply(552, "5.3.4", "message header too large for DKIM")
	case m.signedBody != nil:
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

// sign adds a signature for each key that selectKeys selects. The signature of
// the first key is the topmost.
func (h *handlers) sign(s *framework.Session, m *message) error {
	sg := m.set.signing
	ctx, cancel := context.WithTimeout(s.Context(), publishedTimeout)
	defer cancel()
	keys := selectKeys(m.keys, m.author, func(k *signKey) bool { return usable(ctx, s, sg, k, m.author) })
	if len(keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.Logger().Warn("not signed", "reason", "no key is published", queueID(s))
		return nil
	}
	values, err := sg.sign(keys, m.fields, m.author, m.signedBody)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := h.add.Insert(s, i, signatureField, value); err != nil {
			return err
		}
		d := keys[i].domainFor(m.author)
		m.set.report(Event{Kind: EventSigned, Domain: d}, m.fields)
		s.Logger().Info("signed", "domain", d, "selector", keys[i].Selector, "key", keys[i].kind, queueID(s))
	}
	return nil
}

// publishedTimeout limits the time for checking whether the keys for a message
// are published.
const publishedTimeout = 10 * time.Second

// usable reports whether a key may sign: either it is published, or the
// configuration does not require that. usable does not look up a key again once
// the key was found.
func usable(ctx context.Context, s *framework.Session, sg *signing, k *signKey, author string) bool {
	if sg.resolver == nil || k.published.Load() {
		return true
	}
	d := k.domainFor(author)
	if err := CheckPublished(ctx, sg.resolver, k.Selector, d, k.Signer.Public()); err != nil {
		s.Logger().Warn("key not used", "domain", d, "selector", k.Selector, "error", err, queueID(s))
		return false
	}
	if k.Domain != fromDomain {
		k.published.Store(true)
	}
	return true
}

// verify removes forged results, adds the results of the message, and applies
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
		return framework.Continue, errors.New("dkim: no authserv-id: the configuration has none, and the MTA does not send the macro j")
	}
	if err := h.add.Insert(s, 0, resultsField, FormatResults(id, results)); err != nil {
		return framework.Continue, err
	}
	action, reason := v.judge(m.fields, results)
	if action == Accept {
		return framework.Continue, nil
	}
	s.Logger().Info("policy applied", "action", action.String(), "reason", reason, queueID(s))
	return h.act(s, action, reason)
}

func (h *handlers) act(s *framework.Session, action Action, reason string) (framework.Verdict, error) {
	switch action {
	case Quarantine:
		return framework.Continue, h.quarantine.Quarantine(s, "dkim: "+reason)
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
		// A filter before this one may have deleted the field.
		if err := h.remove.Delete(s, handle); err != nil && !errors.Is(err, framework.ErrNoHeader) {
			return err
		}
		m.set.report(Event{Kind: EventForged}, nil)
	}
	if n := len(m.forged); n > 0 {
		s.Logger().Info("forged results removed", "fields", n, queueID(s))
	}
	return nil
}

func report(s *framework.Session, m *message, results []Result) {
	if n := m.verifying.skipped; n > 0 {
		s.Logger().Warn("too many signatures", "skipped", n, queueID(s))
	}
	for i := range results {
		r := &results[i]
		m.set.report(Event{Kind: EventVerified, Status: r.Status, Domain: r.Domain}, m.fields)
		s.Logger().Info("verified", "result", string(r.Status), attr("reason", r.Reason), attr("domain", r.Domain),
			attr("selector", r.Selector), attr("algorithm", r.Algorithm), attr("bits", r.Bits), queueID(s))
	}
}

// attr returns a log attribute, or an empty attribute, which slog ignores, if
// the value is zero.
func attr[T comparable](key string, value T) slog.Attr {
	var zero T
	if value == zero {
		return slog.Attr{}
	}
	return slog.Any(key, value)
}

func queueID(s *framework.Session) slog.Attr { return attr("queue_id", s.QueueID()) }
