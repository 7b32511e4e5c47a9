package wire

// BareCommand is a command without data: CmdData, CmdEOH, CmdAbort, CmdQuit or
// CmdQuitNC.
type BareCommand struct {
	Code CommandCode
}

func (c CommandCode) bare() bool {
	switch c {
	case CmdData, CmdEOH, CmdAbort, CmdQuit, CmdQuitNC:
		return true
	}
	return false
}

// CommandCode implements [Command].
func (m *BareCommand) CommandCode() CommandCode { return m.Code }

// Decode implements [Command]. MTAs have been seen to put bytes here; libmilter
// passes over them, and so does this.
func (*BareCommand) Decode([]byte) error { return nil }

// Encode implements [Command].
func (m *BareCommand) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(m.Code), m.Code.String())
	if !m.Code.bare() {
		e.fail("not a command without data")
	}
	return e.done()
}

// String implements [Command].
func (m *BareCommand) String() string { return m.Code.String() }
