package replay

import (
	"slices"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// conversation is a recorded conversation, command by command.
type conversation struct {
	record *record.Message
	offer  wire.Negotiate
	extra  bool // the offer had more data after its numbers
	answer wire.Negotiate
	steps  []step
	mta    mta.Config // the recorded MTA
	texts  []*message // by transaction
	old    *course
	greets []greeting // by session
	// alone are the texts that stand for a session without a message, or -1, by session.
	alone []int
}

// step is a command of the MTA, with the macros before it and the filter's answer.
type step struct {
	code wire.CommandCode
	data []byte
	// missing: the data was not recorded.
	missing bool
	// withheld: the MTA did not send the command, because the old filter had declined it.
	withheld bool
	// stray: the macros belong to a command that did not come though it was not declined.
	stray bool
	// macros is the data of the macro command before it, or nil.
	macros []byte
	// response is what the old filter answered, or nil.
	response *mta.Response
	mods     []wire.Reply
	// lacksMods: a modification was not recorded whole.
	lacksMods bool
	// message is the number of the transaction, from 0, or -1 outside of transactions.
	message int
	// refusal is the MTA's reply to a recipient that it refused, or "".
	refusal string
}

// Command codes that end or separate transactions.
func isBoundary(code wire.CommandCode) bool {
	return code == wire.CmdAbort || code == wire.CmdQuit || code == wire.CmdQuitNC
}

// isContent reports whether a command carries content of a message, or ends it.
func isContent(code wire.CommandCode) bool {
	switch code {
	case wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB:
		return true
	default:
		return false
	}
}

// isMessage reports whether a command belongs to a transaction.
func isMessage(code wire.CommandCode) bool {
	return code == wire.CmdMail || code == wire.CmdRcpt || code == wire.CmdData || isContent(code)
}

// bits returns the protocol bits by which a filter declines a command, and the answer to it.
func bits(code wire.CommandCode) (no, noReply wire.Protocol) {
	switch code {
	case wire.CmdConnect:
		return wire.ProtoNoConnect, wire.ProtoNRConn
	case wire.CmdHelo:
		return wire.ProtoNoHelo, wire.ProtoNRHelo
	case wire.CmdMail:
		return wire.ProtoNoMail, wire.ProtoNRMail
	case wire.CmdRcpt:
		return wire.ProtoNoRcpt, wire.ProtoNRRcpt
	case wire.CmdData:
		return wire.ProtoNoData, wire.ProtoNRData
	case wire.CmdHeader:
		return wire.ProtoNoHdrs, wire.ProtoNRHdr
	case wire.CmdEOH:
		return wire.ProtoNoEOH, wire.ProtoNREOH
	case wire.CmdBody:
		return wire.ProtoNoBody, wire.ProtoNRBody
	case wire.CmdUnknown:
		return wire.ProtoNoUnknown, wire.ProtoNRUnkn
	default:
		return 0, 0
	}
}

// declines reports whether a negotiated answer declines a command.
func declines(answer *wire.Negotiate, code wire.CommandCode) bool {
	no, _ := bits(code)
	return no != 0 && answer.Protocol.Has(no)
}

// plan returns what the recorded filters negotiated, without the stages that were sent for the
// record only. If the new filter has the same stages, its server records them too, and they
// stay.
func (c *conversation) plan(now *wire.Negotiate) *wire.Negotiate {
	was := c.answer
	var only, all wire.Protocol
	for _, code := range []wire.CommandCode{wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdHeader} {
		no, noReply := bits(code)
		if slices.Contains(c.record.OnlyRecorded, no.Names()[0]) {
			only, all = only|no, all|no|noReply
		}
	}
	if (was.Protocol^now.Protocol)&all != 0 {
		was.Protocol = was.Protocol&^all | only
	}
	return &was
}

// complete adds the steps for DATA and for the end of the headers that every message with
// content passes, where the old filter had declined them. They have no content of their own.
func (c *conversation) complete() {
	var out []step
	has := map[wire.CommandCode]bool{} // in the current transaction
	current := -1
	for _, s := range c.steps {
		if s.message != current {
			current = s.message
			clear(has)
		}
		if s.message >= 0 && isContent(s.code) && !has[wire.CmdData] && s.code != wire.CmdData {
			out = append(out, step{code: wire.CmdData, withheld: true, message: current})
			has[wire.CmdData] = true
		}
		if (s.code == wire.CmdBody || s.code == wire.CmdBodyEOB) && !has[wire.CmdEOH] {
			out = append(out, step{code: wire.CmdEOH, withheld: true, message: current})
			has[wire.CmdEOH] = true
		}
		has[s.code] = true
		out = append(out, s)
	}
	c.steps = slices.Clip(out)
}
