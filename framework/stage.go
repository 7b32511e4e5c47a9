package framework

import "github.com/sluicemail/sluice/wire"

// Stage is a step of an SMTP session or of a message at which an MTA may ask a
// filter what to do.
type Stage uint8

// The stages, in the order of a session, with the libmilter callback in
// parentheses.
const (
	StageConnect      Stage = iota // a client has connected (xxfi_connect)
	StageHelo                      // HELO or EHLO (xxfi_helo)
	StageMail                      // MAIL FROM (xxfi_envfrom)
	StageRcpt                      // RCPT TO (xxfi_envrcpt)
	StageData                      // DATA (xxfi_data)
	StageHeader                    // one header field (xxfi_header)
	StageEndOfHeaders              // the empty line after the header (xxfi_eoh)
	StageBody                      // a chunk of the body (xxfi_body)
	StageEndOfMessage              // the final dot (xxfi_eom)
	StageAbort                     // the message was given up (xxfi_abort)
	StageClose                     // the session is over (xxfi_close)
	StageUnknown                   // an SMTP command that the MTA does not know (xxfi_unknown)
	numStages
)

// stageInfo describes a stage in terms of the protocol.
type stageInfo struct {
	name    string
	command wire.CommandCode
	no, nr  wire.Protocol   // keep the MTA from sending it, and from waiting for the answer
	macros  wire.MacroStage // the list that holds its macros, or noList
}

// noList stands for the macro list of a stage that has none.
const noList wire.MacroStage = 0xff

var stages = [numStages]stageInfo{
	StageConnect:      {"connect", wire.CmdConnect, wire.ProtoNoConnect, wire.ProtoNRConn, wire.MacroConnect},
	StageHelo:         {"helo", wire.CmdHelo, wire.ProtoNoHelo, wire.ProtoNRHelo, wire.MacroHelo},
	StageMail:         {"mail", wire.CmdMail, wire.ProtoNoMail, wire.ProtoNRMail, wire.MacroEnvFrom},
	StageRcpt:         {"rcpt", wire.CmdRcpt, wire.ProtoNoRcpt, wire.ProtoNRRcpt, wire.MacroEnvRcpt},
	StageData:         {"data", wire.CmdData, wire.ProtoNoData, wire.ProtoNRData, wire.MacroData},
	StageHeader:       {"header", wire.CmdHeader, wire.ProtoNoHdrs, wire.ProtoNRHdr, wire.MacroEOH},
	StageEndOfHeaders: {"end of headers", wire.CmdEOH, wire.ProtoNoEOH, wire.ProtoNREOH, wire.MacroEOH},
	StageBody:         {"body", wire.CmdBody, wire.ProtoNoBody, wire.ProtoNRBody, wire.MacroEOM},
	StageEndOfMessage: {"end of message", wire.CmdBodyEOB, 0, 0, wire.MacroEOM},
	StageAbort:        {"abort", wire.CmdAbort, 0, 0, noList},
	StageClose:        {"close", wire.CmdQuit, 0, 0, noList},
	StageUnknown:      {"unknown", wire.CmdUnknown, wire.ProtoNoUnknown, wire.ProtoNRUnkn, noList},
}

// stageOfCommand maps each command to its stage plus one, and a command without a
// stage to zero.
var stageOfCommand = func() (of [256]Stage) {
	for stage, info := range stages {
		of[info.command] = Stage(stage) + 1
	}
	of[wire.CmdQuitNC] = StageClose + 1
	return of
}()

// stageOf returns the stage of a command, or false if it has none.
func stageOf(c wire.CommandCode) (Stage, bool) {
	stage := stageOfCommand[byte(c)]
	return stage - 1, stage > 0
}

// String returns the stage's name in lower case, such as "end of message".
func (s Stage) String() string {
	if s >= numStages {
		return "no stage"
	}
	return stages[s].name
}

// MarshalText implements encoding.TextMarshaler.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ofMessage reports whether the stage belongs to a message, rather than to the SMTP
// session around it.
func (s Stage) ofMessage() bool { return s >= StageMail && s <= StageEndOfMessage }

// ofContent reports whether the stage carries a part of the message's content.
func (s Stage) ofContent() bool {
	return s == StageHeader || s == StageEndOfHeaders || s == StageBody
}

// once reports whether the stage occurs at most once in a message.
func (s Stage) once() bool { return s == StageData || s == StageEndOfHeaders }

// switches returns the protocol bits that keep the MTA from sending the stage and
// from waiting for the answer. A bit that does not exist is zero.
func (s Stage) switches() (no, nr wire.Protocol) { return stages[s].no, stages[s].nr }

// macros returns the list that holds the stage's macros.
func (s Stage) macros() (wire.MacroStage, bool) {
	if s >= numStages {
		return 0, false
	}
	return stages[s].macros, stages[s].macros != noList
}
