package wire

import "fmt"

// AddHeader is SMFIR_ADDHEADER: append a header field, smfi_addheader.
type AddHeader struct {
	Name string
	// Value has its lines separated by LF. With ProtoHdrLeadSpc it begins
	// with the space that is to stand after the colon.
	Value string
}

// ReplyCode implements [Reply].
func (*AddHeader) ReplyCode() ReplyCode { return RepAddHeader }

// Decode implements [Reply].
func (m *AddHeader) Decode(data []byte) error {
	c := cursor{rest: data, name: RepAddHeader}
	m.Name, m.Value = string(c.text()), string(c.text())
	return c.done()
}

// Encode implements [Reply].
func (m *AddHeader) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(RepAddHeader), RepAddHeader.String())
	e.required(m.Name, "name")
	e.text(m.Value)
	return e.done()
}

// String implements [Reply].
func (m *AddHeader) String() string { return fmt.Sprintf("%v %q %q", RepAddHeader, m.Name, m.Value) }
