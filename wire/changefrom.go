package wire

import "fmt"

// ChangeFrom is SMFIR_CHGFROM: it changes the envelope sender, as smfi_chgfrom
// does.
type ChangeFrom struct {
	Sender string
	// Args are the ESMTP arguments, separated by spaces. It may be empty.
	Args string
}

// ReplyCode implements [Reply].
func (*ChangeFrom) ReplyCode() ReplyCode { return RepChgFrom }

// Decode implements [Reply].
func (m *ChangeFrom) Decode(data []byte) error {
	var err error
	m.Sender, m.Args, err = decodeAddress(RepChgFrom, data)
	return err
}

// Encode implements [Reply].
func (m *ChangeFrom) Encode(dst []byte) ([]byte, error) {
	return encodeAddress(dst, RepChgFrom, m.Sender, m.Args)
}

// String implements [Reply].
func (m *ChangeFrom) String() string { return fmt.Sprintf("%v %q %q", RepChgFrom, m.Sender, m.Args) }
