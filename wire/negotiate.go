package wire

import (
	"fmt"
	"strings"
)

// The protocol versions that this package speaks.
const (
	MinVersion = 2
	MaxVersion = 6
)

// Negotiate is SMFIC_OPTNEG, the only message that both sides send: the MTA
// offers a version, actions and protocol bits, and the filter answers which of
// them it uses, and which macros it wants to be sent.
type Negotiate struct {
	Version  uint32
	Actions  Actions
	Protocol Protocol
	// Macros are the lists of macro names, with their braces, that the
	// filter asks for. Only a filter's answer has them, and only when
	// ActionSetSymList is among its actions.
	Macros []MacroList
}

// MacroList is the list of the macros that a filter wants at one stage: names
// with their braces, separated by single spaces.
type MacroList struct {
	Stage MacroStage
	Names string
}

// CommandCode implements [Command].
func (*Negotiate) CommandCode() CommandCode { return CmdOptNeg }

// ReplyCode implements [Reply].
func (*Negotiate) ReplyCode() ReplyCode { return RepOptNeg }

// optionsLen is what every OPTNEG has, MILTER_OPTLEN: three numbers.
const optionsLen = 3 * 4

// Decode implements [Command] and [Reply]. Version 1 is [ErrNotImplemented].
// Lists for stages that this package does not know are passed over, as Postfix
// does. For what an MTA sends, see [Negotiate.DecodeOffer].
func (m *Negotiate) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdOptNeg}
	*m = Negotiate{Version: c.uint32(), Actions: Actions(c.uint32()), Protocol: Protocol(c.uint32())}
	for c.err == nil && len(c.rest) > 0 {
		list := MacroList{Stage: MacroStage(c.uint32()), Names: string(c.text())}
		if list.Stage < NumMacroStages {
			m.Macros = append(m.Macros, list)
		}
	}
	if err := c.done(); err != nil {
		return err
	}
	if m.Version < MinVersion {
		return fmt.Errorf("%w: milter protocol version %d", ErrNotImplemented, m.Version)
	}
	return nil
}

// DecodeOffer replaces the message by the MTA's offer, which it reads as
// libmilter does, up to the three numbers that every version has: an MTA to
// come may say more, and a filter must not fail for that.
func (m *Negotiate) DecodeOffer(data []byte) error {
	return m.Decode(data[:min(len(data), optionsLen)])
}

// Encode implements [Command] and [Reply].
func (m *Negotiate) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(CmdOptNeg), CmdOptNeg.String())
	e.uint32(m.Version)
	e.uint32(uint32(m.Actions))
	e.uint32(uint32(m.Protocol))
	for _, list := range m.Macros {
		if list.Stage >= NumMacroStages {
			e.fail("a macro list for an unknown stage")
		}
		e.uint32(uint32(list.Stage))
		e.text(list.Names)
	}
	return e.done()
}

// String implements [Command] and [Reply].
func (m *Negotiate) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v version=%d actions=%v protocol=%v", CmdOptNeg, m.Version, m.Actions, m.Protocol)
	for _, list := range m.Macros {
		fmt.Fprintf(&b, " %v=%q", list.Stage, list.Names)
	}
	return b.String()
}
