package record

import (
	"slices"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// The stages, as the framework numbers them. Their names are those of framework.Stage.
const (
	stageConnect = iota
	stageHelo
	stageMail
	stageRcpt
	stageData
	stageHeader
	stageEndOfHeaders
	stageBody
	stageEndOfMessage
	stageAbort
	stageClose
	stageUnknown
	numStages
	noStage = -1
)

var stageNames = [numStages]string{
	"connect", "helo", "mail", "rcpt", "data", "header", "end of headers", "body",
	"end of message", "abort", "close", "unknown",
}

func stageName(stage byte) string {
	if int(stage) >= len(stageNames) {
		return "no stage"
	}
	return stageNames[stage]
}

// stageOf returns the stage of a command, or noStage.
func stageOf(code wire.CommandCode) int {
	switch code { //nolint:exhaustive // the others have none
	case wire.CmdConnect:
		return stageConnect
	case wire.CmdHelo:
		return stageHelo
	case wire.CmdMail:
		return stageMail
	case wire.CmdRcpt:
		return stageRcpt
	case wire.CmdData:
		return stageData
	case wire.CmdHeader:
		return stageHeader
	case wire.CmdEOH:
		return stageEndOfHeaders
	case wire.CmdBody:
		return stageBody
	case wire.CmdBodyEOB:
		return stageEndOfMessage
	case wire.CmdAbort:
		return stageAbort
	case wire.CmdQuit, wire.CmdQuitNC:
		return stageClose
	case wire.CmdUnknown:
		return stageUnknown
	}
	return noStage
}

// verdictKinds are the kinds of verdicts, as the framework numbers them.
var verdictKinds = [...]string{"continue", "accept", "reject", "tempfail", "discard", "skip", "reply"}

// refuses reports whether a verdict refuses a recipient or a message.
func refuses(v *Verdict) bool {
	return v.Kind == "reject" || v.Kind == "tempfail" || v.Kind == "reply"
}

// The kinds of modifications, as the framework numbers them, by their libmilter names.
const (
	editAppend = iota
	editInsert
	editChange
	editDelete
	editRename
	editAddRcpt
	editAddRcptPar
	editDelRcpt
	editSender
	editBody
	editQuarantine
	numEditKinds
)

var editKinds = [numEditKinds]string{
	"addheader", "insheader", "chgheader", "delheader", "renheader",
	"addrcpt", "addrcpt_par", "delrcpt", "chgfrom", "replacebody", "quarantine",
}

// The places of new fields, as the framework numbers them.
const (
	placeTop = iota
	placePrepend
	placeCounted
)

// contents and kepts are the values of [Content] and [Kept], as records number them.
var (
	contents = [...]Content{ContentNone, ContentHeader, ContentAll}
	kepts    = [...]Kept{KeptSampled, KeptRefused, KeptFailed, KeptSlow}
)

// ContentNumber returns how records number a Content, and KeptNumber a Kept. They are for
// package inspect.
func ContentNumber(c Content) byte { return number(contents[:], c) }

// KeptNumber is described with [ContentNumber].
func KeptNumber(k Kept) byte { return number(kepts[:], k) }

// number returns the index of a value in a short list.
func number[T comparable](list []T, v T) byte {
	return byte(max(0, slices.Index(list, v))) //nolint:gosec // there are a few
}

// stateOf returns the state of an end.
func stateOf(b byte) State {
	switch b {
	case tape.StateAccepted:
		return StateAccepted
	case tape.StateRejected:
		return StateRejected
	case tape.StateDeferred:
		return StateDeferred
	case tape.StateDiscarded:
		return StateDiscarded
	case tape.StateQuarantined:
		return StateQuarantined
	case tape.StateRefused:
		return StateRefused
	default:
		return StateAborted
	}
}
