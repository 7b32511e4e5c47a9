package wire

import "strconv"

// CommandCode is the byte that identifies a command: SMFIC_ in mfdef.h.
type CommandCode byte

// The commands that an MTA sends.
const (
	CmdAbort   CommandCode = 'A' // SMFIC_ABORT: the current message is aborted
	CmdBody    CommandCode = 'B' // SMFIC_BODY: a chunk of the body
	CmdConnect CommandCode = 'C' // SMFIC_CONNECT: an SMTP client connected
	CmdMacro   CommandCode = 'D' // SMFIC_MACRO: macros for the next command
	CmdBodyEOB CommandCode = 'E' // SMFIC_BODYEOB: end of the message
	CmdHelo    CommandCode = 'H' // SMFIC_HELO: HELO or EHLO
	CmdQuitNC  CommandCode = 'K' // SMFIC_QUIT_NC: end of the SMTP session, another follows
	CmdHeader  CommandCode = 'L' // SMFIC_HEADER: one header field
	CmdMail    CommandCode = 'M' // SMFIC_MAIL: MAIL FROM
	CmdEOH     CommandCode = 'N' // SMFIC_EOH: end of the header
	CmdOptNeg  CommandCode = 'O' // SMFIC_OPTNEG: option negotiation, both ways
	CmdQuit    CommandCode = 'Q' // SMFIC_QUIT: end of the milter session
	CmdRcpt    CommandCode = 'R' // SMFIC_RCPT: RCPT TO
	CmdData    CommandCode = 'T' // SMFIC_DATA: DATA
	CmdUnknown CommandCode = 'U' // SMFIC_UNKNOWN: an SMTP command that the MTA does not know
)

// String returns the command's name in mfdef.h, such as SMFIC_HELO.
func (c CommandCode) String() string {
	if name := c.knownName(); name != "" {
		return name
	}
	return "command " + strconv.QuoteRune(rune(c))
}

// knownName returns the name of a defined code, or "". The names are constants
// because every message asks for one.
func (c CommandCode) knownName() string {
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
	// CommandCode returns the code of the message.
	CommandCode() CommandCode
	// Decode replaces the message with the one that data encodes. The
	// message keeps slices of data. The error is a *ProtocolError or wraps
	// ErrNotImplemented. After an error the message must not be used.
	Decode(data []byte) error
	// Encode appends the message to dst as a complete frame. The error is a
	// *ValueError, and Encode then returns dst unchanged.
	Encode(dst []byte) ([]byte, error)
	// String returns a description of the message on one line.
	String() string
}

// ParseCommand decodes the command in f. The returned command points into f.
// The error is a *ProtocolError or wraps ErrNotImplemented. ParseCommand
// decodes SMFIC_OPTNEG with [Negotiate.DecodeOffer].
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
	if code.isBare() {
		return &BareCommand{Code: code}
	}
	return nil
}
