package wire

import "fmt"

// AddRcpt is SMFIR_ADDRCPT: it adds a recipient, as smfi_addrcpt does.
type AddRcpt struct {
	Recipient string
}

// ReplyCode implements [Reply].
func (*AddRcpt) ReplyCode() ReplyCode { return RepAddRcpt }

// Decode implements [Reply].
func (m *AddRcpt) Decode(data []byte) error {
	c := cursor{rest: data, name: RepAddRcpt}
	m.Recipient = string(c.text())
	return c.done()
}

// Encode implements [Reply].
func (m *AddRcpt) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(RepAddRcpt), RepAddRcpt.String())
	e.required(m.Recipient, "address")
	return e.done()
}

// String implements [Reply].
func (m *AddRcpt) String() string { return fmt.Sprintf("%v %q", RepAddRcpt, m.Recipient) }
