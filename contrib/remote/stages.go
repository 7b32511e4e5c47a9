package remote

import (
	"context"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// ask sends the event of a stage to the milter and returns its verdict. A shadow only hands the
// event on.
func (l *lane) ask(s *framework.Session, stage framework.Stage, st *step) (framework.Verdict, error) {
	if l.mirror != nil {
		l.mirror.hand(s, stage, st, nil)
		return framework.Continue, nil
	}
	var msg *transaction
	if stage != framework.StageConnect && stage != framework.StageHelo {
		msg = l.message.Get(s) // an unknown command may come in a message
	}
	ss := l.session.Get(s)
	l.prepare(s, ss, msg, stage, st)
	offers := func() mta.Offer { return l.offer(s, l.grants.granted(s, l.wishes.Actions)) }
	began := time.Now()
	resp, err := l.exchange(s.Context(), offers, ss, msg, st)
	ss.note(s.Context(), st, began, resp, err)
	if err != nil {
		return framework.Continue, err
	}
	return verdict(stage, resp)
}

// note tells the recording of the message what the milter answered, unless the step is one of
// many and the milter goes on.
func (ss *session) note(ctx context.Context, st *step, began time.Time, resp mta.Response, err error) {
	many := st.code == wire.CmdHeader || st.code == wire.CmdBody
	if many && err == nil && resp.Code == wire.RepContinue || !framework.Recorded(ctx) {
		return
	}
	text := st.code.String()
	if ss.link != nil {
		text += " to " + ss.link.member.addr
	}
	if err == nil {
		text += ": " + resp.Code.String()
	}
	framework.RecordNote(ctx, "milter", text, began, err)
}

// prepare gives a step the macros before its command.
func (l *lane) prepare(s *framework.Session, ss *session, msg *transaction, stage framework.Stage, st *step) {
	st.macros = l.macrosBefore(s, ss, msg, stage, st.code)
	for _, p := range st.macros {
		for _, m := range p.list {
			st.size += len(m.Name) + len(m.Value)
		}
	}
}

func (l *lane) connect(s *framework.Session, e *framework.Connect) (framework.Verdict, error) {
	cmd := &wire.Connect{Host: []byte(e.Host()), Family: wire.FamilyUnknown, Port: e.Port()}
	switch addr := e.Addr(); {
	case addr.Is4():
		cmd.Family, cmd.Address = wire.FamilyInet, []byte(addr.String())
	case addr.IsValid():
		cmd.Family, cmd.Address = wire.FamilyInet6, []byte("IPv6:"+addr.String())
	case e.Path() != "":
		cmd.Family, cmd.Address = wire.FamilyUnix, []byte(e.Path())
	}
	return l.ask(s, framework.StageConnect, &step{
		code: wire.CmdConnect,
		send: func(ctx context.Context, link *link) (mta.Response, error) { return link.Connect(ctx, cmd) },
	})
}

func (l *lane) helo(s *framework.Session, e *framework.Helo) (framework.Verdict, error) {
	name := e.Name()
	return l.ask(s, framework.StageHelo, &step{
		code: wire.CmdHelo, size: len(name),
		send: func(ctx context.Context, link *link) (mta.Response, error) { return link.Helo(ctx, name) },
	})
}

func (l *lane) mail(s *framework.Session, e *framework.Mail) (framework.Verdict, error) {
	sender, args := e.Raw(), slices.Collect(e.Args())
	return l.ask(s, framework.StageMail, &step{
		code: wire.CmdMail, size: sizeOf(sender, args),
		send: func(ctx context.Context, link *link) (mta.Response, error) { return link.Mail(ctx, sender, args...) },
	})
}

func (l *lane) rcpt(s *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
	return l.ask(s, framework.StageRcpt, rcptStep(e))
}

// rejectedRcpt shows the milter a recipient that the MTA has refused. The answer has no
// effect.
func (l *lane) rejectedRcpt(s *framework.Session, e *framework.RejectedRcpt) error {
	st := rcptStep(&e.Rcpt)
	st.recipient = "" // a refusal has no effect
	send := st.send
	st.send = func(ctx context.Context, link *link) (mta.Response, error) {
		if !link.answer.Protocol.Has(wire.ProtoRcptRej) {
			return mta.Response{Code: wire.RepContinue, Origin: mta.NotSent}, nil
		}
		return send(ctx, link)
	}
	_, err := l.ask(s, framework.StageRcpt, st)
	return err
}

func rcptStep(e *framework.Rcpt) *step {
	addr, args := e.Raw(), slices.Collect(e.Args())
	return &step{
		code: wire.CmdRcpt, size: sizeOf(addr, args), recipient: addr,
		send: func(ctx context.Context, link *link) (mta.Response, error) { return link.Rcpt(ctx, addr, args...) },
	}
}

// sizeOf estimates how many bytes of memory an address and its arguments take.
func sizeOf(addr string, args []string) int {
	const overhead = 128
	n := overhead + len(addr)
	for _, arg := range args {
		n += len(arg)
	}
	return n
}

func (l *lane) data(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
	return l.ask(s, framework.StageData, &step{code: wire.CmdData, send: since(versionOfData, (*link).Data)})
}

// since returns a function that sends a command to milters of a protocol version that has
// it.
func since(version uint32, send func(*link, context.Context) (mta.Response, error)) func(context.Context, *link) (mta.Response, error) {
	return func(ctx context.Context, l *link) (mta.Response, error) {
		if l.answer.Version < version {
			return mta.Response{Code: wire.RepContinue, Origin: mta.NotSent}, nil
		}
		return send(l, ctx)
	}
}

func (l *lane) headerField(s *framework.Session, e *framework.Header) (framework.Verdict, error) {
	name, value := e.RawName(), e.Raw()
	if !s.RawHeaders() {
		value = " " + value // the space that the MTA has removed, and that the link removes again
	}
	return l.ask(s, framework.StageHeader, &step{
		code: wire.CmdHeader, size: len(name) + len(value),
		send: func(ctx context.Context, link *link) (mta.Response, error) { return link.Header(ctx, name, value) },
	})
}

func (l *lane) endOfHeaders(s *framework.Session, _ *framework.EndOfHeaders) (framework.Verdict, error) {
	return l.ask(s, framework.StageEndOfHeaders, &step{
		code: wire.CmdEOH,
		send: func(ctx context.Context, link *link) (mta.Response, error) { return link.EndOfHeaders(ctx) },
	})
}

// body sends a chunk of the body, in the pieces that milters accept.
func (l *lane) body(s *framework.Session, e *framework.Body) (framework.Verdict, error) {
	whole := e.Chunk()
	if l.mirror != nil {
		whole = slices.Clone(whole) // it is sent when the handler has returned
	}
	for chunk := range slices.Chunk(whole, wire.MaxBodyChunk) {
		v, err := l.ask(s, framework.StageBody, &step{
			code: wire.CmdBody, size: len(chunk),
			send: func(ctx context.Context, link *link) (mta.Response, error) { return link.Body(ctx, chunk) },
		})
		if err != nil || v != framework.Continue {
			return v, err
		}
	}
	return framework.Continue, nil
}

func (l *lane) unknown(s *framework.Session, e *framework.Unknown) (framework.Verdict, error) {
	line := e.Line()
	return l.ask(s, framework.StageUnknown, &step{
		code: wire.CmdUnknown, size: len(line),
		send: since(versionOfUnknown, func(l *link, ctx context.Context) (mta.Response, error) { return l.Unknown(ctx, line) }),
	})
}

// endOfMessage ends the message for the milter, and makes the modifications that it asks
// for.
func (l *lane) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	var end ending
	v, err := l.ask(s, framework.StageEndOfMessage, end.step())
	if err != nil {
		return v, err
	}
	l.session.Get(s).link.ticket.succeeded()
	if v != framework.Continue && v != framework.Accept {
		return v, nil
	}
	return v, l.modify(s, end.mods, end.raw)
}

// ending is what the milter asks for at the end of the message.
type ending struct {
	mods []wire.Reply
	raw  bool // header values begin right after the colon
}

// step returns the step that ends the message.
func (e *ending) step() *step {
	return &step{
		code: wire.CmdBodyEOB,
		send: func(ctx context.Context, link *link) (resp mta.Response, err error) {
			e.raw = link.answer.Protocol.Has(wire.ProtoHdrLeadSpc)
			resp, e.mods, err = link.EndOfMessage(ctx, nil)
			return resp, err
		},
	}
}
