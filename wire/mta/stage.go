package mta

import "github.com/sluicemail/sluice/wire"

// Stage is a stage of a session, by the name that package framework gives it.
type Stage string

// The stages.
const (
	StageConnect      Stage = "Connect"
	StageHelo         Stage = "Helo"
	StageMail         Stage = "Mail"
	StageRcpt         Stage = "Rcpt"
	StageData         Stage = "Data"
	StageHeader       Stage = "Header"
	StageEndOfHeaders Stage = "EndOfHeaders"
	StageBody         Stage = "Body"
	StageEndOfMessage Stage = "EndOfMessage"
	StageUnknown      Stage = "Unknown"
)

// event is the protocol's view of a command: its stage, the bit that keeps the
// MTA from sending it, and the bit that keeps the filter from replying to it. A
// bit that does not exist is zero.
type event struct {
	stage   Stage
	no      wire.Protocol
	noReply wire.Protocol
}

func eventOf(code wire.CommandCode) event {
	switch code {
	case wire.CmdConnect:
		return event{StageConnect, wire.ProtoNoConnect, wire.ProtoNRConn}
	case wire.CmdHelo:
		return event{StageHelo, wire.ProtoNoHelo, wire.ProtoNRHelo}
	case wire.CmdMail:
		return event{StageMail, wire.ProtoNoMail, wire.ProtoNRMail}
	case wire.CmdRcpt:
		return event{StageRcpt, wire.ProtoNoRcpt, wire.ProtoNRRcpt}
	case wire.CmdData:
		return event{StageData, wire.ProtoNoData, wire.ProtoNRData}
	case wire.CmdHeader:
		return event{StageHeader, wire.ProtoNoHdrs, wire.ProtoNRHdr}
	case wire.CmdEOH:
		return event{StageEndOfHeaders, wire.ProtoNoEOH, wire.ProtoNREOH}
	case wire.CmdBody:
		return event{StageBody, wire.ProtoNoBody, wire.ProtoNRBody}
	case wire.CmdUnknown:
		return event{StageUnknown, wire.ProtoNoUnknown, wire.ProtoNRUnkn}
	default:
		return event{stage: StageEndOfMessage}
	}
}

// inSession reports whether the command belongs to the SMTP session rather than
// to one of its messages.
func inSession(code wire.CommandCode) bool {
	return code == wire.CmdConnect || code == wire.CmdHelo
}

// inContent reports whether the command belongs to the content of a message.
// MTAs wait longer for replies to such commands.
func inContent(code wire.CommandCode) bool {
	switch code {
	case wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB:
		return true
	default:
		return false
	}
}
