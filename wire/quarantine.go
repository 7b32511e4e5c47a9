package wire

import "fmt"

// Quarantine is SMFIR_QUARANTINE: it holds the message in the MTA's queue, as
// smfi_quarantine does.
type Quarantine struct {
	// Reason is for the postmaster. Postfix cuts it off after 100
	// characters.
	Reason string
}

// ReplyCode implements [Reply].
func (*Quarantine) ReplyCode() ReplyCode { return RepQuarantine }

// Decode implements [Reply].
func (m *Quarantine) Decode(data []byte) error {
	c := cursor{rest: data, name: RepQuarantine}
	m.Reason = string(c.text())
	return c.done()
}

// Encode implements [Reply].
func (m *Quarantine) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(RepQuarantine), RepQuarantine.String())
	e.required(m.Reason, "reason")
	return e.done()
}

// String implements [Reply].
func (m *Quarantine) String() string { return fmt.Sprintf("%v %q", RepQuarantine, m.Reason) }
