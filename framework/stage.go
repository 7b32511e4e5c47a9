package framework

import "github.com/sluicemail/sluice/wire"

// Stage is a step of an SMTP session or of a message at which an MTA asks.
type Stage uint8

// The stages, in the order of a session. In brackets the libmilter callback.
const (
	StageConnect      Stage = iota // a client has connected (xxfi_connect)
	StageHelo                      // HELO or EHLO (xxfi_helo)
	StageMail                      // MAIL FROM (xxfi_envfrom)
	StageRcpt                      // RCPT TO (xxfi_envrcpt)
	StageData                      // DATA (xxfi_data)
	StageHeader                    // one header field (xxfi_header)
	StageEndOfHeaders              // the empty line (xxfi_eoh)
	StageBody                      // a chunk of the body (xxfi_body)
	StageEndOfMessage              // the final dot (xxfi_eom)
	StageAbort                     // the message was given up (xxfi_abort)
	StageClose                     // the session is over (xxfi_close)
	StageUnknown                   // an SMTP command that the MTA does not know (xxfi_unknown)
	numStages
)

// String returns the stage's name in lower case, such as "end of message".
func (s Stage) String() string {
	switch s {
	case StageConnect:
		return "connect"
	case StageHelo:
		return "helo"
	case StageMail:
		return "mail"
	case StageRcpt:
		return "rcpt"
	case StageData:
		return "data"
	case StageHeader:
		return "header"
	case StageEndOfHeaders:
		return "end of headers"
	case StageBody:
		return "body"
	case StageEndOfMessage:
		return "end of message"
	case StageAbort:
		return "abort"
	case StageClose:
		return "close"
	case StageUnknown:
		return "unknown"
	case numStages:
	}
	return "no stage"
}

// MarshalText implements encoding.TextMarshaler.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ofMessage reports whether the stage belongs to a message, rather than to the
// SMTP session around it.
func (s Stage) ofMessage() bool { return s >= StageMail && s <= StageEndOfMessage }

// ofContent reports whether the stage carries a part of the message's content.
func (s Stage) ofContent() bool {
	return s == StageHeader || s == StageEndOfHeaders || s == StageBody
}

// once reports whether the stage comes once in a message.
func (s Stage) once() bool { return s == StageData || s == StageEndOfHeaders }

// switches returns the protocol bits that keep the stage from being sent and
// its answer from being awaited; zero where there is none.
func (s Stage) switches() (no, nr wire.Protocol) {
	switch s {
	case StageConnect:
		return wire.ProtoNoConnect, wire.ProtoNRConn
	case StageHelo:
		return wire.ProtoNoHelo, wire.ProtoNRHelo
	case StageMail:
		return wire.ProtoNoMail, wire.ProtoNRMail
	case StageRcpt:
		return wire.ProtoNoRcpt, wire.ProtoNRRcpt
	case StageData:
		return wire.ProtoNoData, wire.ProtoNRData
	case StageHeader:
		return wire.ProtoNoHdrs, wire.ProtoNRHdr
	case StageEndOfHeaders:
		return wire.ProtoNoEOH, wire.ProtoNREOH
	case StageBody:
		return wire.ProtoNoBody, wire.ProtoNRBody
	case StageUnknown:
		return wire.ProtoNoUnknown, wire.ProtoNRUnkn
	case StageEndOfMessage, StageAbort, StageClose, numStages:
	}
	return 0, 0
}

// macros returns the list that holds the stage's macros.
func (s Stage) macros() (wire.MacroStage, bool) {
	switch s {
	case StageConnect:
		return wire.MacroConnect, true
	case StageHelo:
		return wire.MacroHelo, true
	case StageMail:
		return wire.MacroEnvFrom, true
	case StageRcpt:
		return wire.MacroEnvRcpt, true
	case StageData:
		return wire.MacroData, true
	case StageHeader, StageEndOfHeaders:
		return wire.MacroEOH, true
	case StageBody, StageEndOfMessage:
		return wire.MacroEOM, true
	case StageAbort, StageClose, StageUnknown, numStages:
	}
	return 0, false
}
