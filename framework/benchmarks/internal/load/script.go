package load

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// step is the data that Postfix writes before it waits for a reply or hands the
// connection over from one of its processes to another.
type step struct {
	out   []byte
	reply bool // a reply is due
	end   bool // the reply is the one to the end of the message
}

// script is an encoded session.
type script struct {
	first []step // first message, with CONNECT and HELO
	next  []step
	bye   []byte
}

// composer encodes the steps of a session.
type composer struct {
	answer wire.Negotiate
	msg    *workload.Message
	macros map[wire.MacroStage][]mta.Macro
	steps  []step
	out    []byte
	err    error
}

// compose encodes the message for a filter with the given answer.
func compose(answer *wire.Negotiate, msg *workload.Message) (*script, error) {
	defaults := mta.DefaultMacros(&mta.Message{
		Sender: mta.Address{Addr: "<" + msg.Sender + ">"}, Client: mta.Client{Host: "client.example.com", Addr: "192.0.2.1"},
	})
	c := &composer{answer: *answer, msg: msg, macros: defaults}
	c.greet()
	c.message()
	s := &script{first: c.take()}
	c.frame(&wire.BareCommand{Code: wire.CmdAbort})
	c.message()
	s.next = c.take()
	c.frame(&wire.BareCommand{Code: wire.CmdAbort})
	c.frame(&wire.BareCommand{Code: wire.CmdQuit})
	s.bye = c.out
	return s, c.err
}

func (c *composer) take() []step {
	steps := c.steps
	c.steps = nil
	return steps
}

func (c *composer) greet() {
	c.event(wire.MacroConnect, wire.ProtoNoConnect, wire.ProtoNRConn, &wire.Connect{
		Host: []byte("client.example.com"), Family: wire.FamilyInet, Port: 40025, Address: []byte("192.0.2.1"),
	})
	c.event(wire.MacroHelo, wire.ProtoNoHelo, wire.ProtoNRHelo, &wire.Helo{Name: []byte("client.example.com")})
}

// message encodes one message. In Postfix, smtpd sends the envelope and then
// passes the connection to cleanup, which sends the content.
func (c *composer) message() {
	c.event(wire.MacroEnvFrom, wire.ProtoNoMail, wire.ProtoNRMail, &wire.Mail{Sender: []byte("<" + c.msg.Sender + ">")})
	for _, rcpt := range c.msg.Recipients {
		c.macros[wire.MacroEnvRcpt] = []mta.Macro{
			{Name: "{rcpt_addr}", Value: rcpt}, {Name: "{rcpt_host}", Value: "example.net"}, {Name: "{rcpt_mailer}", Value: "relay"},
		}
		c.event(wire.MacroEnvRcpt, wire.ProtoNoRcpt, wire.ProtoNRRcpt, &wire.Rcpt{Recipient: []byte("<" + rcpt + ">")})
	}
	c.event(wire.MacroData, wire.ProtoNoData, wire.ProtoNRData, &wire.BareCommand{Code: wire.CmdData})
	c.cut(step{})
	for _, f := range c.msg.Header {
		c.content(wire.MacroEOH, wire.ProtoNoHdrs, wire.ProtoNRHdr, &wire.Header{
			Name: []byte(f.Name), Value: []byte(c.value(f.Value)),
		})
	}
	c.content(wire.MacroEOH, wire.ProtoNoEOH, wire.ProtoNREOH, &wire.BareCommand{Code: wire.CmdEOH})
	for chunk := range slices.Chunk(c.msg.Body, wire.MaxBodyChunk) {
		c.content(wire.MacroEOM, wire.ProtoNoBody, wire.ProtoNRBody, &wire.Body{Chunk: chunk})
	}
	c.list(wire.MacroEOM, wire.CmdBodyEOB)
	c.frame(&wire.EndOfBody{})
	c.cut(step{reply: true, end: true})
}

// value returns a header value in the form that was negotiated.
func (c *composer) value(v string) string {
	if c.answer.Protocol.Has(wire.ProtoHdrLeadSpc) {
		return " " + v
	}
	return v
}

// event encodes an event of the envelope. Postfix sends the macros of such an
// event even if the filter declined the event.
func (c *composer) event(stage wire.MacroStage, no, noReply wire.Protocol, cmd wire.Command) {
	c.list(stage, cmd.CommandCode())
	if c.answer.Protocol.Has(no) {
		return
	}
	c.frame(cmd)
	if !c.answer.Protocol.Has(noReply) {
		c.cut(step{reply: true})
	}
}

// content encodes an event of the content. Postfix sends macros before each
// such event, but none if the filter declined the event.
func (c *composer) content(stage wire.MacroStage, no, noReply wire.Protocol, cmd wire.Command) {
	if !c.answer.Protocol.Has(no) {
		c.event(stage, no, noReply, cmd)
	}
}

func (c *composer) cut(s step) {
	if len(c.out) > 0 || s.reply {
		s.out, c.out = c.out, nil
		c.steps = append(c.steps, s)
	}
}

func (c *composer) frame(cmd wire.Command) {
	out, err := cmd.Encode(c.out)
	if err != nil && c.err == nil {
		c.err = err
	}
	c.out = out
}

// list encodes the macros of a stage: those that the filter requested, or
// Postfix's default list.
func (c *composer) list(stage wire.MacroStage, code wire.CommandCode) {
	m := wire.Macro{For: code}
	for _, macro := range c.wanted(stage) {
		m.List = wire.AppendMacro(m.List, macro.Name, macro.Value)
	}
	c.frame(&m)
}

func (c *composer) wanted(stage wire.MacroStage) []mta.Macro {
	i := slices.IndexFunc(c.answer.Macros, func(l wire.MacroList) bool { return l.Stage == stage && l.Names != "" })
	if i < 0 {
		return c.macros[stage]
	}
	var found []mta.Macro
	for name := range strings.FieldsSeq(c.answer.Macros[i].Names) {
		for _, list := range c.macros {
			at := slices.IndexFunc(list, func(m mta.Macro) bool { return m.Name == name })
			if at >= 0 {
				found = append(found, list[at])
				break
			}
		}
	}
	return found
}
