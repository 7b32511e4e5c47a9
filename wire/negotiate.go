package wire

import (
	"fmt"
	"strings"
)

// The lowest and the highest protocol version that this package supports.
const (
	MinVersion = 2
	MaxVersion = 6
)

// Negotiate is SMFIC_OPTNEG, the only message that both sides send. The MTA
// offers a version, actions and protocol bits. The filter replies with the ones
// that it uses and with the macros that it requests.
type Negotiate struct {
	Version  uint32
	Actions  Actions
	Protocol Protocol
	// Macros are the lists of macros that the filter requests. Only a
	// filter's reply has them, and only if its Actions include
	// ActionSetSymList.
	Macros []MacroList
}

// MacroList is the list of macros that a filter requests for one stage. Names
// holds the names with their braces, separated by single spaces.
type MacroList struct {
	Stage MacroStage
	Names string
}

// CommandCode implements [Command].
func (*Negotiate) CommandCode() CommandCode { return CmdOptNeg }

// ReplyCode implements [Reply].
func (*Negotiate) ReplyCode() ReplyCode { return RepOptNeg }

// optionsLen is the size of the three numbers in every OPTNEG: MILTER_OPTLEN.
const optionsLen = 3 * 4

// Decode implements [Command] and [Reply]. It reports version 1 as
// [ErrNotImplemented]. It ignores macro lists for unknown stages, as Postfix
// does. A filter decodes the MTA's offer with [Negotiate.DecodeOffer] instead.
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

// DecodeOffer replaces the message with the MTA's offer in data. It reads the
// three numbers that every version has and ignores the rest, as libmilter does,
// because a later MTA may add to its offer.
func (m *Negotiate) DecodeOffer(data []byte) error {
	return m.Decode(data[:min(len(data), optionsLen)])
}

// Encode implements [Command] and [Reply].
func (m *Negotiate) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdOptNeg), CmdOptNeg.String())
	e.uint32(m.Version)
	e.uint32(uint32(m.Actions))
	e.uint32(uint32(m.Protocol))
	for _, list := range m.Macros {
		if list.Stage >= NumMacroStages {
			e.fail("macro list for an unknown stage")
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
