package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// assumptions collects what was assumed, each once.
type assumptions struct {
	allowed bool
	list    []string
}

// assume notes an assumption, or returns the reason why the record cannot be replayed if none
// may be made.
func (a *assumptions) assume(assumption, reason string, args ...any) error {
	if !a.allowed {
		return notReplayable(reason, args...)
	}
	if !slices.Contains(a.list, assumption) {
		a.list = append(a.list, assumption)
	}
	return nil
}

// static checks what the negotiation alone tells: whether the new filter asks for what may
// have been there and was not recorded.
func (p *player) static() error {
	if p.conv.record.Shortened {
		if err := p.assumed.assume("no rule goes by local parts", "the addresses were recorded without their local parts"); err != nil {
			return err
		}
	}
	was, is := p.conv.answer.Protocol, p.answer.Protocol
	offer := p.conv.mta.Offer.Protocol
	if is.Has(wire.ProtoHdrLeadSpc) && !was.Has(wire.ProtoHdrLeadSpc) && !declines(&p.answer, wire.CmdHeader) && !declines(&p.conv.answer, wire.CmdHeader) {
		if err := p.assumed.assume("one space followed each colon", "the filter asks for the spaces behind the colons of the header, which the recorded one had not asked for"); err != nil {
			return err
		}
	}
	if is.Has(wire.ProtoRcptRej) && !was.Has(wire.ProtoRcptRej) {
		if err := p.assumed.assume("the MTA itself refused no recipient", "the filter asks for recipients that the MTA refused, which were not recorded"); err != nil {
			return err
		}
	}
	if offer.Has(wire.ProtoNoUnknown) && was.Has(wire.ProtoNoUnknown) && !is.Has(wire.ProtoNoUnknown) {
		return p.assumed.assume("the client sent no unknown command", "the filter asks for unknown commands, which were not recorded")
	}
	return nil
}

// lacks returns the reason if the new filter asks for a step whose data was not recorded, or
// for a stage before it that was not.
func (p *player) lacks(s *step) error {
	codes := []wire.CommandCode{wire.CmdConnect}
	switch {
	case s.message >= 0 && (s.code == wire.CmdBody || s.code == wire.CmdBodyEOB):
		codes = append(codes, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdHeader, wire.CmdBody)
	case s.message >= 0 && isContent(s.code):
		codes = append(codes, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdHeader)
	case s.message >= 0 && s.code == wire.CmdMail:
		codes = append(codes, wire.CmdHelo, wire.CmdMail)
	case s.message >= 0:
		codes = append(codes, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt)
	case s.code == wire.CmdHelo:
		codes = append(codes, wire.CmdHelo)
	}
	for _, code := range codes {
		if declines(&p.conv.answer, code) && !declines(&p.answer, code) {
			return notReplayable("the filter asks for %s, which the recorded one had not asked for", inWords(code))
		}
	}
	noChunk := s.code == wire.CmdBodyEOB && declines(&p.answer, wire.CmdBody)
	if s.missing && p.wants(s) && !noChunk {
		return notReplayable("the filter asks for %s, which was not recorded", inWords(s.code))
	}
	return nil
}

// inWords names what a command brings.
func inWords(code wire.CommandCode) string {
	switch code {
	case wire.CmdConnect:
		return "the client"
	case wire.CmdHelo:
		return "HELO"
	case wire.CmdMail:
		return "the sender"
	case wire.CmdRcpt:
		return "the recipients"
	case wire.CmdHeader:
		return "the header"
	case wire.CmdBody, wire.CmdBodyEOB:
		return "the body"
	default:
		return "the stage " + string(stageOf(code))
	}
}

// pastSkip returns the reason if the old filter skipped the rest of what the new one goes on
// to read.
func (p *player) pastSkip(s *step) error {
	if s.response == nil || s.response.Code != wire.RepSkip || p.skipped == s.code || p.new.over(s) {
		return nil
	}
	return notReplayable("the filter reads on where the recorded one skipped the rest of %s", inWords(s.code))
}

// checkEndless returns the reason if a message is undecided at the end of the record because
// the old filter had accepted it before. If the old filter had refused it, that it is not
// refused any more is a difference.
func (p *player) checkEndless() error {
	for i, r := range p.new.runs {
		was := p.old.runs[i].decided
		if !r.endless || was == nil || was.response.Refuses() || was.response.Code == wire.RepDiscard {
			continue
		}
		return notReplayable("the recorded filter accepted the message at %s, and the rest was not recorded", was.stage)
	}
	return nil
}

// macros sends the macros before a step, as far as the new filter requested them.
func (p *player) macros(s *step) error {
	stage, ok := listOf(s.code)
	switch {
	case !ok, sameMacros(&p.conv.answer, &p.answer, stage):
		p.rawMacros(s.macros)
		return nil
	}
	names, listed := requested(&p.answer, stage)
	_, had := requested(&p.conv.answer, stage)
	if !listed || names == "" && p.conv.mta.Quirks.Has(mta.EmptyListDefault) {
		p.rawMacros(s.macros)
		if p.cfg.AsksForMacros || len(p.answer.Macros) > 0 || !had {
			return nil
		}
		return p.assumed.assume("no rule goes by macros that the filter does not ask for",
			"the filter gets the MTA's usual macros at %s, which were not recorded", stageOf(s.code))
	}
	return p.pick(s, stage, strings.Fields(names))
}

// unknownMacro assumes that a macro had no value, or returns the reason if nothing may be
// assumed.
func (p *player) unknownMacro(s *step, name string) error {
	return p.assumed.assume(fmt.Sprintf("the macro %s had no value at %s", name, stageOf(s.code)),
		"the filter asks for the macro %s at %s, which was not recorded", name, stageOf(s.code))
}

// rawMacros sends macros as they were recorded.
func (p *player) rawMacros(data []byte) {
	if data != nil {
		p.conn.Frame(byte(wire.CmdMacro), data)
	}
}

// pick sends the named macros that had a value.
func (p *player) pick(s *step, stage wire.MacroStage, names []string) error {
	data := []byte{byte(s.code)}
	for _, name := range names {
		value, has, certain := p.known.lookup(stage, name)
		if !certain {
			if err := p.unknownMacro(s, name); err != nil {
				return err
			}
		}
		if has {
			data = wire.AppendMacro(data, name, value)
		}
	}
	field := s.code == wire.CmdHeader || s.code == wire.CmdBody
	if s.macros != nil || len(data) > 1 && !field {
		p.rawMacros(data)
	}
	return nil
}
