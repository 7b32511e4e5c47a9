package wire

import "fmt"

// AddHeader is SMFIR_ADDHEADER: it appends a header field, as smfi_addheader
// does.
type AddHeader struct {
	Name string
	// Value is the text after the colon, with lines separated by LF. If
	// ProtoHdrLeadSpc was negotiated, it includes the space after the
	// colon.
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
	e := newEncoder(dst, byte(RepAddHeader), RepAddHeader.String())
	e.required(m.Name, "name")
	e.text(m.Value)
	return e.done()
}

// String implements [Reply].
func (m *AddHeader) String() string { return fmt.Sprintf("%v %q %q", RepAddHeader, m.Name, m.Value) }
