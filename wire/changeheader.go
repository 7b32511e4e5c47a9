package wire

import "fmt"

// ChangeHeader is SMFIR_CHGHEADER: it changes or deletes a header field, as
// smfi_chgheader does.
type ChangeHeader struct {
	// Index counts the fields named Name from 1, in the order in which the
	// MTA sent them to the filter.
	Index uint32
	Name  string
	// Value has the form of AddHeader.Value. An empty value deletes the
	// field.
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
	e := newEncoder(dst, byte(RepChgHeader), RepChgHeader.String())
	e.index(m.Index)
	e.required(m.Name, "name")
	e.text(m.Value)
	return e.done()
}

// String implements [Reply].
func (m *ChangeHeader) String() string {
	return fmt.Sprintf("%v %d %q %q", RepChgHeader, m.Index, m.Name, m.Value)
}
