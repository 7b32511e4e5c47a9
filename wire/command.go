package wire

import "strconv"

// CommandCode is the byte that names a command, SMFIC_ in mfdef.h.
type CommandCode byte

// The commands that an MTA sends.
const (
	CmdAbort   CommandCode = 'A' // SMFIC_ABORT: the message is given up
	CmdBody    CommandCode = 'B' // SMFIC_BODY: a chunk of the body
	CmdConnect CommandCode = 'C' // SMFIC_CONNECT: an SMTP client connected
	CmdMacro   CommandCode = 'D' // SMFIC_MACRO: macros for the next command
	CmdBodyEOB CommandCode = 'E' // SMFIC_BODYEOB: end of the message
	CmdHelo    CommandCode = 'H' // SMFIC_HELO: HELO or EHLO
	CmdQuitNC  CommandCode = 'K' // SMFIC_QUIT_NC: another SMTP session follows
	CmdHeader  CommandCode = 'L' // SMFIC_HEADER: one header field
	CmdMail    CommandCode = 'M' // SMFIC_MAIL: MAIL FROM
	CmdEOH     CommandCode = 'N' // SMFIC_EOH: end of the header
	CmdOptNeg  CommandCode = 'O' // SMFIC_OPTNEG: option negotiation, both ways
	CmdQuit    CommandCode = 'Q' // SMFIC_QUIT: the end
	CmdRcpt    CommandCode = 'R' // SMFIC_RCPT: RCPT TO
	CmdData    CommandCode = 'T' // SMFIC_DATA: DATA
	CmdUnknown CommandCode = 'U' // SMFIC_UNKNOWN: an SMTP command not known
)

// String returns the command's name in mfdef.h, such as SMFIC_HELO.
func (c CommandCode) String() string {
	if name := c.known(); name != "" {
		return name
	}
	return "command " + strconv.QuoteRune(rune(c))
}

// known returns the name of a code that has one, ready made: every message asks
// for it.
func (c CommandCode) known() string {
	switch c {
	case CmdAbort:
		return "SMFIC_ABORT"
	case CmdBody:
		return "SMFIC_BODY"
	case CmdConnect:
		return "SMFIC_CONNECT"
	case CmdMacro:
		return "SMFIC_MACRO"
	case CmdBodyEOB:
		return "SMFIC_BODYEOB"
	case CmdHelo:
		return "SMFIC_HELO"
	case CmdQuitNC:
		return "SMFIC_QUIT_NC"
	case CmdHeader:
		return "SMFIC_HEADER"
	case CmdMail:
		return "SMFIC_MAIL"
	case CmdEOH:
		return "SMFIC_EOH"
	case CmdOptNeg:
		return "SMFIC_OPTNEG"
	case CmdQuit:
		return "SMFIC_QUIT"
	case CmdRcpt:
		return "SMFIC_RCPT"
	case CmdData:
		return "SMFIC_DATA"
	case CmdUnknown:
		return "SMFIC_UNKNOWN"
	}
	return ""
}

// Command is a message from the MTA to the filter.
type Command interface {
	// CommandCode returns the code that the message travels under.
	CommandCode() CommandCode
	// Decode replaces the message by what data says. The message keeps
	// slices of data. The error is a *ProtocolError, or wraps
	// ErrNotImplemented; the message then holds nothing of use.
	Decode(data []byte) error
	// Encode appends the message as a whole frame to dst. The error is a
	// *ValueError; dst is then returned as it was.
	Encode(dst []byte) ([]byte, error)
	// String returns the message in one readable line.
	String() string
}

// ParseCommand decodes the command in f. What it returns points into f. The
// error is a *ProtocolError or wraps ErrNotImplemented. OPTNEG is read with
// [Negotiate.DecodeOffer].
func ParseCommand(f Frame) (Command, error) {
	c := newCommand(CommandCode(f.Code))
	if c == nil {
		return nil, violation("frame", "unknown command "+strconv.QuoteRune(rune(f.Code)))
	}
	decode := c.Decode
	if offer, ok := c.(*Negotiate); ok {
		decode = offer.DecodeOffer
	}
	if err := decode(f.Data); err != nil {
		return nil, err
	}
	return c, nil
}

func newCommand(code CommandCode) Command {
	switch code {
	case CmdOptNeg:
		return new(Negotiate)
	case CmdMacro:
		return new(Macro)
	case CmdConnect:
		return new(Connect)
	case CmdHelo:
		return new(Helo)
	case CmdMail:
		return new(Mail)
	case CmdRcpt:
		return new(Rcpt)
	case CmdHeader:
		return new(Header)
	case CmdBody:
		return new(Body)
	case CmdBodyEOB:
		return new(EndOfBody)
	case CmdUnknown:
		return new(Unknown)
	}
	if code.bare() {
		return &BareCommand{Code: code}
	}
	return nil
}
