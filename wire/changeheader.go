package wire

import "fmt"

// ChangeHeader is SMFIR_CHGHEADER: change or delete a header field,
// smfi_chgheader.
type ChangeHeader struct {
	// Index counts the fields of that name from 1, in the order in which the
	// filter was shown them.
	Index uint32
	Name  string
	// Value is as in [AddHeader]. An empty value deletes the field.
	Value string
}

// ReplyCode implements [Reply].
func (*ChangeHeader) ReplyCode() ReplyCode { return RepChgHeader }

// Decode implements [Reply].
func (m *ChangeHeader) Decode(data []byte) error {
	c := cursor{rest: data, name: RepChgHeader}
	m.Index, m.Name, m.Value = c.uint32(), string(c.text()), string(c.text())
	return c.done()
}

// Encode implements [Reply].
func (m *ChangeHeader) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(RepChgHeader), RepChgHeader.String())
	e.index(m.Index)
	e.required(m.Name, "name")
	e.text(m.Value)
	return e.done()
}

// String implements [Reply].
func (m *ChangeHeader) String() string {
	return fmt.Sprintf("%v %d %q %q", RepChgHeader, m.Index, m.Name, m.Value)
}
