package replay

import (
	"fmt"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// reader builds a conversation from frames.
type reader struct {
	conv   *conversation
	macros *wire.Macro // not yet followed by their command
	// chunks are the chunks of a new body without their data, sizes their sizes, and replaced
	// the step that they answer.
	chunks   []*wire.ReplaceBody
	sizes    []int
	replaced int
	awaited  int // the step whose answer is due, or -1
	before   int // the number of texts before the session
	open     bool
	asked    bool // the offer came
	replied  bool // the answer came
}

// read returns the conversation of a record. The error says why it cannot be played.
func read(m *record.Message) (*conversation, error) {
	r := &reader{conv: &conversation{record: m}, awaited: -1}
	for i := range m.Frames {
		if err := r.frame(&m.Frames[i]); err != nil {
			return nil, err
		}
	}
	if !r.asked || !r.replied {
		return nil, notReplayable("the negotiation was not recorded")
	}
	r.leftMacros()
	r.newBody()
	r.endSession()
	c := r.conv
	c.mta = recordedMTA(c)
	c.complete()
	if err := c.readTexts(); err != nil {
		return nil, err
	}
	c.old = recorded(c)
	if m.Cut && c.old.undecided() {
		return nil, notReplayable("the record was cut, because the message exceeds the recorder's limit")
	}
	return c, nil
}

func (r *reader) frame(f *record.Frame) error {
	missing := f.Data == nil && f.Size > wire.HeaderLen
	if !f.FromMTA {
		return r.reply(f, missing)
	}
	switch code := wire.CommandCode(f.Code); {
	case code == wire.CmdOptNeg:
		r.asked, r.conv.extra = true, len(f.Data) > 12
		return damaged(r.conv.offer.DecodeOffer(f.Data))
	case code == wire.CmdMacro && missing:
		return notReplayable("the macros were not recorded")
	case code == wire.CmdMacro:
		r.leftMacros()
		m := new(wire.Macro)
		if err := m.Decode(f.Data); err != nil {
			return damaged(err)
		}
		r.macros = m
		return nil
	default:
		return r.command(code, f.Data, missing)
	}
}

// command adds a command. A command without data may have none, or an MTA's surplus.
func (r *reader) command(code wire.CommandCode, data []byte, missing bool) error {
	if !missing {
		if _, err := wire.ParseCommand(wire.Frame{Code: byte(code), Data: data}); err != nil {
			return damaged(err)
		}
	}
	if r.macros != nil && r.macros.For != code {
		r.leftMacros()
	}
	s := step{code: code, data: data, missing: missing && code != wire.CmdData && code != wire.CmdEOH && !isBoundary(code)}
	if r.macros != nil {
		s.macros, r.macros = macroData(r.macros), nil
		if code == wire.CmdRcpt {
			s.refusal = refusalOf(s.macros[1:])
		}
	}
	r.add(s)
	if _, noReply := bits(code); !isBoundary(code) && !r.conv.answer.Protocol.Has(orNever(noReply)) {
		r.awaited = len(r.conv.steps) - 1
	} else {
		r.awaited = -1
	}
	return nil
}

// orNever returns a bit, or all bits if there is none, which no filter negotiates.
func orNever(p wire.Protocol) wire.Protocol {
	if p == 0 {
		return ^wire.Protocol(0)
	}
	return p
}

func macroData(m *wire.Macro) []byte { return append([]byte{byte(m.For)}, m.List...) }

// endSession notes whether the session had a message.
func (r *reader) endSession() {
	c := r.conv
	alone := -1
	if len(c.texts) == r.before {
		alone = len(c.texts)
		c.texts = append(c.texts, &message{session: len(c.alone), alone: true})
	}
	c.alone = append(c.alone, alone)
	r.before = len(c.texts)
}

// leftMacros adds a step for macros whose command did not come, mostly because the filter had
// declined it.
func (r *reader) leftMacros() {
	m := r.macros
	r.macros = nil
	if m == nil || isBoundary(m.For) { // an MTA sends none before those, and a filter has no use for them
		return
	}
	s := step{code: m.For, withheld: true, macros: macroData(m), stray: !declines(&r.conv.answer, m.For)}
	if s.stray {
		s.message = -1
		r.conv.steps = append(r.conv.steps, s)
		return
	}
	if m.For == wire.CmdRcpt {
		s.refusal = refusalOf(m.List)
	}
	r.add(s)
}

// refusalOf returns the MTA's reply to a recipient, from the macros with which Postfix and
// Sendmail show one that they refused.
func refusalOf(list []byte) string {
	if mailer, _ := wire.LookupMacro(list, "rcpt_mailer"); string(mailer) != "error" {
		return ""
	}
	status, _ := wire.LookupMacro(list, "rcpt_host")
	text, _ := wire.LookupMacro(list, "rcpt_addr")
	return fmt.Sprintf("550 %s %s", status, text)
}

// add appends a step and assigns it to its transaction.
func (r *reader) add(s step) {
	c := r.conv
	switch {
	case s.code == wire.CmdMail, isMessage(s.code) && !r.open:
		c.texts = append(c.texts, &message{session: len(c.alone)})
		r.open = true
	case s.code == wire.CmdConnect, s.code == wire.CmdHelo:
		r.open = false
	}
	s.message = -1
	if r.open {
		s.message = len(c.texts) - 1
	}
	if isBoundary(s.code) || s.code == wire.CmdBodyEOB {
		r.open = false
	}
	c.steps = append(c.steps, s)
	if s.code == wire.CmdQuitNC {
		r.endSession()
	}
}

// reply assigns a reply of the old filter to the command that waits for it.
func (r *reader) reply(f *record.Frame, missing bool) error {
	code := wire.ReplyCode(f.Code)
	switch {
	case missing && r.awaited >= 0 && isModification(code):
		r.lacks(&r.conv.steps[r.awaited], f)
		return nil
	case missing:
		return notReplayable("an answer of the recorded filter was not recorded")
	}
	if code == wire.RepOptNeg {
		r.replied = true
		return damaged(r.conv.answer.Decode(f.Data))
	}
	parsed, err := wire.ParseReply(wire.Frame{Code: f.Code, Data: f.Data})
	switch {
	case err != nil:
		return damaged(err)
	case code == wire.RepProgress, r.awaited < 0:
		return nil
	}
	s := &r.conv.steps[r.awaited]
	if isModification(code) {
		s.mods = append(s.mods, parsed)
		return nil
	}
	s.response = &mta.Response{Code: code, Origin: mta.Answered}
	s.response.SMTP, _ = parsed.(*wire.SMTPReply)
	r.awaited = -1
	return nil
}

// lacks notes a modification that was not recorded. The chunks of a new body are not in the
// frames, because the record has the body elsewhere: see newBody.
func (r *reader) lacks(s *step, f *record.Frame) {
	if wire.ReplyCode(f.Code) != wire.RepReplBody {
		s.lacksMods = true
		return
	}
	chunk := new(wire.ReplaceBody)
	s.mods = append(s.mods, chunk)
	r.chunks = append(r.chunks, chunk)
	r.sizes = append(r.sizes, f.Size-wire.HeaderLen)
	r.replaced = len(r.conv.steps) - 1
}

// newBody fills the chunks of a new body whose frames have no data with the body as the last
// filter left it.
func (r *reader) newBody() {
	if len(r.chunks) == 0 {
		return
	}
	var body []byte
	whole := false
	for i := range r.conv.record.Filters {
		if f := &r.conv.record.Filters[i]; f.Applied && f.Replaced {
			body, whole = f.NewBody, int64(len(f.NewBody)) == f.NewBodySize
		}
	}
	for i, size := range r.sizes {
		n := min(size, len(body))
		r.chunks[i].Chunk, body = body[:n], body[n:]
		whole = whole && n == size
	}
	if !whole || len(body) > 0 {
		r.conv.steps[r.replaced].lacksMods = true
	}
}

func isModification(code wire.ReplyCode) bool {
	switch code {
	case wire.RepAddHeader, wire.RepInsHeader, wire.RepChgHeader, wire.RepReplBody, wire.RepAddRcpt, wire.RepAddRcptPar,
		wire.RepDelRcpt, wire.RepChgFrom, wire.RepQuarantine:
		return true
	default:
		return false
	}
}
