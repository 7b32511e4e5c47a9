package dkim

import (
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/framework"
)

// handlers is a filter as registered on one router.
type handlers struct {
	filter     *Filter
	add        framework.HeaderAdder
	results    authres.Collector
	remove     framework.HeaderChanger
	quarantine framework.Quarantiner
	user       framework.Macro
	host       authres.Host
	macros     []framework.Macro
	envelope   framework.KeptEnvelope
	memory     framework.Memory
	messages   framework.Slot[message]
	keys       framework.AsyncValue[[]keyAnswer]
	client     framework.Slot[client]
}

// client holds the address of the SMTP client of a connection. The address is
// 127.0.0.1 for a client on a unix socket and for programs on this host.
type client struct {
	addr netip.Addr
	told wishes // what the filter cannot do, and has logged
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
	sums       signed.Bodies
	decided    bool // begin has run
	excepted   bool // neither signed nor verified
	signedBody *signed.BodyHash
	keys       []*signKey
	author     string
	verifying  *verification
	lookingUp  bool // the keys are being looked up beside the session
}

// ResetSlot is called by the framework after each message.
func (m *message) ResetSlot() {
	m.sums.Reset()
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

// fieldCost is the memory that a field takes in addition to its bytes: in the
// list of the fields, and in the index at the end of the message.
const fieldCost = 192

func (h *handlers) header(s *framework.Session, e *framework.Header) error {
	m := h.messages.Get(s)
	h.pinSettings(m)
	f := Field{Name: e.RawName(), Raw: e.Raw()}
	size := len(f.Name) + len(f.Raw)
	if m.size += size; m.size > signed.MaxHeader {
		m.fields, m.forged = nil, nil
		return nil
	}
	if err := h.memory.Reserve(s, size+fieldCost); err != nil {
		return err
	}
	m.fields = append(m.fields, f)
	if authres.IsName(f.Name) && h.mayWrite(s) && h.forged(s, m.set.verifying, e) {
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
	if m.size > signed.MaxHeader {
		return
	}
	if !s.RawHeaders() {
		signed.RestoreSpaces(m.fields)
	}
	if sg := m.set.signing; sg != nil && h.beginSigning(s, m, sg) {
		return
	}
	if m.excepted {
		return
	}
	if v := m.set.verifying; v != nil {
		m.verifying = v.begin(s.Context(), m.fields, &m.sums)
		m.verifying.guessed = !s.RawHeaders()
		h.beginLookups(s, m)
	}
}

func (h *handlers) body(s *framework.Session, e *framework.Body) error {
	_, err := h.messages.Get(s).sums.Write(e.Chunk())
	return err
}

func (h *handlers) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.messages.Get(s)
	h.pinSettings(m)
	h.begin(s, m)
	m.sums.End()
	if m.size > signed.MaxHeader {
		return framework.Reply(552, "5.3.4", "message header too large for DKIM")
	}
	if err := h.removeForged(s, m); err != nil {
		return framework.Continue, err
	}
	switch {
	case m.signedBody != nil:
		return framework.Continue, h.sign(s, m)
	case m.verifying != nil:
		return h.verify(s, m)
	default:
		return framework.Continue, nil
	}
}
