package wire

// BareCommand is a command that carries no data: CmdData, CmdEOH, CmdAbort,
// CmdQuit or CmdQuitNC.
type BareCommand struct {
	Code CommandCode
}

func (c CommandCode) isBare() bool {
	switch c {
	case CmdData, CmdEOH, CmdAbort, CmdQuit, CmdQuitNC:
		return true
	}
	return false
}

// CommandCode implements [Command].
func (m *BareCommand) CommandCode() CommandCode { return m.Code }

// Decode implements [Command]. Some MTAs send data with such a command. Decode
// ignores it, as libmilter does.
func (*BareCommand) Decode([]byte) error { return nil }

// Encode implements [Command].
func (m *BareCommand) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(m.Code), m.Code.String())
	if !m.Code.isBare() {
		e.fail("not a command without data")
	}
	return e.done()
}

// String implements [Command].
func (m *BareCommand) String() string { return m.Code.String() }
