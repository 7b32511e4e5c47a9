package main

import (
	"fmt"
	"io"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// report is what probe prints.
type report struct {
	Milter        string            `json:"milter"`
	Offered       *negotiation      `json:"offered,omitempty"`
	Answered      *negotiation      `json:"answered,omitempty"`
	Stages        []stage           `json:"stages"`
	Modifications []string          `json:"modifications"`
	Verdict       string            `json:"verdict,omitempty"`
	Quarantine    *string           `json:"quarantine,omitempty"`
	Edited        *message          `json:"edited,omitempty"`
	Error         string            `json:"error,omitempty"`
	macroOrder    []wire.MacroStage // the order of the stages in Answered.Macros
}

// negotiation is what one side sent, in the names of mfapi.h and mfdef.h.
type negotiation struct {
	Version  uint32            `json:"version"`
	Actions  []string          `json:"actions"`
	Protocol []string          `json:"protocol"`
	Macros   map[string]string `json:"macros,omitempty"`
}

type stage struct {
	Stage  string   `json:"stage"`
	About  string   `json:"about,omitempty"`
	Origin string   `json:"origin"`
	Reply  string   `json:"reply,omitempty"`
	SMTP   []string `json:"smtp,omitempty"`
	shown  string
}

type message struct {
	From string   `json:"from"`
	Rcpt []string `json:"rcpt"`
	Text string   `json:"text"`
}

func bits(version uint32, actions wire.Actions, protocol wire.Protocol) *negotiation {
	n := &negotiation{Version: version, Actions: []string{}, Protocol: []string{}}
	n.Actions = append(n.Actions, actions.Names()...)
	n.Protocol = append(n.Protocol, protocol.Names()...)
	return n
}

func (r *report) negotiated(c *mta.Conn) {
	answer, _ := c.Negotiated()
	r.Answered = bits(answer.Version, answer.Actions, answer.Protocol)
	for _, list := range answer.Macros {
		if r.Answered.Macros == nil {
			r.Answered.Macros = map[string]string{}
		}
		r.Answered.Macros[list.Stage.String()] = list.Names
		r.macroOrder = append(r.macroOrder, list.Stage)
	}
}

// outcome adds the outcome of the message to the report.
func (r *report) outcome(out *mta.Outcome) {
	for _, s := range out.Steps {
		r.Stages = append(r.Stages, newStage(s))
	}
	for _, m := range out.Modifications {
		r.Modifications = append(r.Modifications, m.String())
	}
	if out.Quarantined {
		r.Quarantine = &out.Quarantine
	}
	if out.Edited != nil {
		r.Edited = newMessage(out.Edited)
	}
	if out.Verdict.Code != 0 {
		r.Verdict = verdict(out)
	}
}

func newStage(s mta.Step) stage {
	out := stage{Stage: string(s.Stage), About: s.About, Origin: string(s.Origin), SMTP: s.Lines(), shown: s.String()}
	if s.Origin == mta.Answered {
		out.Reply = s.Code.String()
	}
	return out
}

func newMessage(m *mta.Message) *message {
	out := &message{From: path(m.Sender.Addr, m.Sender.Args), Rcpt: []string{}, Text: string(m.Bytes())}
	for _, rcpt := range m.Recipients {
		out.Rcpt = append(out.Rcpt, path(rcpt.Addr, rcpt.Args))
	}
	return out
}

func path(addr string, args []string) string {
	for _, arg := range args {
		addr += " " + arg
	}
	return addr
}

func verdict(out *mta.Outcome) string {
	switch lines := out.Verdict.Lines(); {
	case out.Verdict.Code == wire.RepDiscard:
		return "discarded"
	case lines != nil && lines[0][0] == '4':
		return "refused for now: " + path(lines[0], lines[1:])
	case lines != nil:
		return "refused: " + path(lines[0], lines[1:])
	case out.Edited == nil:
		return "none"
	case out.Quarantined:
		return "quarantined: " + out.Quarantine
	}
	return "accepted"
}

// maxShown is the number of modifications that are shown of a filter that fails. Such a
// filter may have sent many.
const maxShown = 50

func (r *report) failed(err error) (*report, error) {
	if more := len(r.Modifications) - maxShown; more > 0 {
		r.Modifications = append(r.Modifications[:maxShown], fmt.Sprintf("and %d more", more))
	}
	r.Error, r.Verdict, r.Edited = err.Error(), "", nil
	return r, err
}

func (r *report) write(w io.Writer, asJSON bool) error {
	if !asJSON {
		return r.text(w)
	}
	if r.Stages == nil {
		r.Stages = []stage{}
	}
	if r.Modifications == nil {
		r.Modifications = []string{}
	}
	return cli.WriteJSON(w, r, "  ")
}
