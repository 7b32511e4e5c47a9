package replay

import (
	"context"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// player plays a conversation to a filter, as the recorded MTA.
type player struct {
	conv    *conversation
	conn    *mta.Conn
	answer  wire.Negotiate // of the new filter
	cfg     *Config
	old     *course
	new     *course
	known   known
	assumed *assumptions
	// skipped is the kind of command that the new filter skips, until another one comes.
	skipped wire.CommandCode
}

// play returns the course of the new filter. The error is a *reasonError if the record lacks
// what the filter asks for.
func (p *player) play(ctx context.Context) error {
	if err := p.static(); err != nil {
		return err
	}
	for i := range p.conv.steps {
		s := &p.conv.steps[i]
		p.known.pass(i)
		if err := p.step(ctx, s); err != nil {
			return err
		}
	}
	p.new.finish()
	return p.checkEndless()
}

// step plays one step, unless the filter has decided already.
func (p *player) step(ctx context.Context, s *step) error {
	if isBoundary(s.code) {
		return p.boundary(s)
	}
	if s.stray {
		if stage, ok := listOf(s.code); !ok || sameMacros(&p.conv.answer, &p.answer, stage) {
			p.rawMacros(s.macros)
		}
		return nil
	}
	if p.new.over(s) {
		return nil
	}
	if p.skipped != s.code {
		p.skipped = 0
	}
	if err := p.lacks(s); err != nil {
		return err
	}
	if !p.wants(s) {
		return p.withheld(s)
	}
	if err := p.macros(s); err != nil {
		return err
	}
	resp, mods, err := p.send(ctx, s)
	if err != nil {
		return p.failed(s, err)
	}
	p.took(s, resp, mods)
	return p.pastSkip(s)
}

// took records an answer.
func (p *player) took(s *step, resp mta.Response, mods []wire.Reply) {
	if resp.Code == wire.RepSkip {
		p.skipped = s.code
	}
	p.new.take(s, resp, mods)
	if r := p.new.run(s); r != nil {
		p.known.accepted = len(r.accepted) > 0
	}
}

// boundary plays the end of a message or of a session. SMFIC_QUIT comes by itself at the end.
func (p *player) boundary(s *step) error {
	p.new.boundary(s.code)
	p.skipped = 0
	switch s.code {
	case wire.CmdAbort:
		return p.conn.Abort()
	case wire.CmdQuitNC:
		return p.conn.QuitNC()
	default:
		return nil
	}
}

// wants reports whether the MTA sends a step to the new filter.
func (p *player) wants(s *step) bool {
	no, _ := bits(s.code)
	switch {
	case s.code == wire.CmdRcpt && s.refusal != "" && !p.answer.Protocol.Has(wire.ProtoRcptRej):
		return false
	case s.withheld && !p.conv.mta.Offer.Protocol.Has(no): // the protocol version does not have it
		return false
	}
	sent := s.code == wire.CmdEOH && !s.withheld && p.conv.mta.Quirks.Has(mta.Unnegotiated)
	return sent || !declines(&p.answer, s.code)
}

// withheld passes a step that the new filter declined: it has its macros all the same, if the
// MTA sends those.
func (p *player) withheld(s *step) error {
	if s.code == wire.CmdRcpt && s.refusal != "" {
		return nil
	}
	if !isContent(s.code) && s.macros != nil && p.conv.mta.Quirks.Has(mta.MacrosForWithheld) {
		if err := p.macros(s); err != nil {
			return err
		}
	}
	if !s.withheld && s.code != wire.CmdBodyEOB {
		p.new.take(s, mta.Response{Code: wire.RepContinue, Origin: mta.NotSent}, nil)
	}
	return nil
}

// send sends a step.
func (p *player) send(ctx context.Context, s *step) (mta.Response, []wire.Reply, error) {
	switch s.code {
	case wire.CmdBodyEOB:
		data := s.data
		if declines(&p.answer, wire.CmdBody) {
			data = nil
		}
		return p.conn.EndOfMessage(ctx, data)
	case wire.CmdBody:
		resp, err := p.body(ctx, s.data)
		return resp, nil, err
	case wire.CmdHeader:
		resp, err := p.header(ctx, s)
		return resp, nil, err
	default:
		resp, err := p.conn.Command(ctx, rawCommand{s.code, s.data})
		return resp, nil, err
	}
}

// body sends a chunk, in parts if the new filter negotiated smaller packets.
func (p *player) body(ctx context.Context, chunk []byte) (resp mta.Response, err error) {
	size := chunkSize(p.answer.Protocol)
	for first := true; first || len(chunk) > 0; first = false {
		part := chunk[:min(len(chunk), size)]
		chunk = chunk[len(part):]
		resp, err = p.conn.Body(ctx, part)
		if err != nil || resp.Final() || resp.Code == wire.RepSkip {
			return resp, err
		}
	}
	return resp, nil
}

func chunkSize(p wire.Protocol) int {
	switch {
	case p.Has(wire.ProtoMDS1M):
		return wire.Limit1M - 1
	case p.Has(wire.ProtoMDS256K):
		return wire.Limit256K - 1
	default:
		return wire.MaxBodyChunk
	}
}

// header sends a field, with the space behind the colon if the new filter negotiated that.
func (p *player) header(ctx context.Context, s *step) (mta.Response, error) {
	had, has := p.conv.answer.Protocol.Has(wire.ProtoHdrLeadSpc), p.answer.Protocol.Has(wire.ProtoHdrLeadSpc)
	if had == has {
		return p.conn.Command(ctx, rawCommand{s.code, s.data})
	}
	var m wire.Header
	if err := m.Decode(s.data); err != nil {
		return mta.Response{}, err
	}
	value := string(m.Value)
	if has && value != "" {
		value = " " + value // see static
	}
	if !has {
		value = strings.TrimPrefix(value, " ")
	}
	return p.conn.Command(ctx, &wire.Header{Name: m.Name, Value: []byte(value)})
}

// failed records how the filter failed. The MTA then does not use it for the rest of the
// session.
func (p *player) failed(s *step, err error) error {
	first := s.message
	if first < 0 {
		first = p.next()
	}
	for _, r := range p.new.runs[first:] {
		r.fail(err)
	}
	return err
}

// next returns the number of the message that comes next between two of them, or that of the last
// one if none comes.
func (p *player) next() (n int) {
	for i := range p.known.at {
		n = max(n, p.conv.steps[i].message+1)
	}
	for n < len(p.conv.texts) && p.conv.texts[n].session < p.known.session {
		n++
	}
	return min(n, len(p.conv.texts)-1)
}

// rawCommand is a command with its data as it was recorded.
type rawCommand struct {
	code wire.CommandCode
	data []byte
}

// CommandCode implements [wire.Command].
func (c rawCommand) CommandCode() wire.CommandCode { return c.code }

// Decode implements [wire.Command]. The command is only sent.
func (rawCommand) Decode([]byte) error { return wire.ErrNotImplemented }

// Encode implements [wire.Command].
func (c rawCommand) Encode(dst []byte) ([]byte, error) {
	return wire.AppendFrame(dst, wire.Frame{Code: byte(c.code), Data: c.data}), nil
}

// String implements [wire.Command].
func (c rawCommand) String() string { return c.code.String() }
