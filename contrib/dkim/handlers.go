package dkim

import (
	"net/netip"
	"slices"
	"strings"

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
