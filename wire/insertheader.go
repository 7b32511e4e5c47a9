package wire

import "fmt"

// InsertHeader is SMFIR_INSHEADER: it inserts a header field, as smfi_insheader
// does.
type InsertHeader struct {
	// Index is the number of fields above the new one, including the
	// Received field that the MTA itself added.
	Index uint32
	Name  string
	// Value has the form of AddHeader.Value.
	Value string
}

// ReplyCode implements [Reply].
func (*InsertHeader) ReplyCode() ReplyCode { return RepInsHeader }

// Decode implements [Reply].
func (m *InsertHeader) Decode(data []byte) error {
	c := cursor{rest: data, name: RepInsHeader}
	m.Index, m.Name, m.Value = c.uint32(), string(c.text()), string(c.text())
	return c.done()
}

// Encode implements [Reply].
func (m *InsertHeader) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(RepInsHeader), RepInsHeader.String())
	e.index(m.Index)
	e.required(m.Name, "name")
	e.text(m.Value)
	return e.done()
}

// String implements [Reply].
func (m *InsertHeader) String() string {
	return fmt.Sprintf("%v %d %q %q", RepInsHeader, m.Index, m.Name, m.Value)
}
