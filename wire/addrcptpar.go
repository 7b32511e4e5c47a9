package wire

import "fmt"

// AddRcptPar is SMFIR_ADDRCPT_PAR: it adds a recipient with ESMTP arguments, as
// smfi_addrcpt_par does.
type AddRcptPar struct {
	Recipient string
	// Args are the ESMTP arguments, separated by spaces. It may be empty.
	Args string
}

// ReplyCode implements [Reply].
func (*AddRcptPar) ReplyCode() ReplyCode { return RepAddRcptPar }

// Decode implements [Reply].
func (m *AddRcptPar) Decode(data []byte) error {
	var err error
	m.Recipient, m.Args, err = decodeAddress(RepAddRcptPar, data)
	return err
}

// Encode implements [Reply].
func (m *AddRcptPar) Encode(dst []byte) ([]byte, error) {
	return encodeAddress(dst, RepAddRcptPar, m.Recipient, m.Args)
}

// String implements [Reply].
func (m *AddRcptPar) String() string {
	return fmt.Sprintf("%v %q %q", RepAddRcptPar, m.Recipient, m.Args)
}
