package wire

import "fmt"

// DelRcpt is SMFIR_DELRCPT: it removes a recipient, as smfi_delrcpt does. The
// address must be spelled as the SMTP client spelled it in RCPT TO.
type DelRcpt struct {
	Recipient string
}

// ReplyCode implements [Reply].
func (*DelRcpt) ReplyCode() ReplyCode { return RepDelRcpt }

// Decode implements [Reply].
func (m *DelRcpt) Decode(data []byte) error {
	c := cursor{rest: data, name: RepDelRcpt}
	m.Recipient = string(c.text())
	return c.done()
}

// Encode implements [Reply].
func (m *DelRcpt) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(RepDelRcpt), RepDelRcpt.String())
	e.required(m.Recipient, "address")
	return e.done()
}

// String implements [Reply].
func (m *DelRcpt) String() string { return fmt.Sprintf("%v %q", RepDelRcpt, m.Recipient) }
