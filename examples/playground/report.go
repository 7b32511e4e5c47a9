package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Report is the outcome of one message. With -json it is printed as one line.
type Report struct {
	Time time.Time `json:"time"`
	// ID is the queue ID of the message.
	ID     string   `json:"id"`
	Client string   `json:"client"`
	Helo   string   `json:"helo"`
	From   string   `json:"from"`
	Args   []string `json:"args,omitempty"`
	// Recipients has all recipients that the client named, including refused
	// ones.
	Recipients []Recipient `json:"recipients"`
	// Negotiation is what the filter requested in the negotiation.
	Negotiation *Negotiation `json:"negotiation,omitempty"`
	Stages      []Stage      `json:"stages"`
	// Modifications are the filter's edits in the order in which they
	// arrived.
	Modifications []string `json:"modifications"`
	Verdict       Verdict  `json:"verdict"`
	// Reply is the SMTP reply to the client if the message was refused.
	Reply []string `json:"reply,omitempty"`
	// Quarantine is the reason why the message is quarantined.
	Quarantine string `json:"quarantine,omitempty"`
	// File is the path of the stored message.
	File string `json:"file,omitempty"`
	// Diff has the differences between the received and the stored message.
	Diff []Hunk `json:"diff,omitempty"`
	// Error says why the filter or the storing of the message failed.
	Error string `json:"error,omitempty"`
}

// Verdict names the outcome of a message.
type Verdict string

// The verdicts.
const (
	Accepted    Verdict = "accepted"
	Quarantined Verdict = "quarantined" // accepted, and stored in a separate folder
	Discarded   Verdict = "discarded"   // accepted, and not stored
	Refused     Verdict = "refused"
	Failed      Verdict = "failed"    // the filter failed, or storing the message
	Abandoned   Verdict = "abandoned" // by the client
)

// Recipient is an envelope recipient.
type Recipient struct {
	Address  string   `json:"address"`
	Accepted bool     `json:"accepted"`
	Reply    []string `json:"reply,omitempty"`
}

// Stage is the filter's answer to one event.
type Stage struct {
	Stage string `json:"stage"`
	// About is an address, or the name of a header field.
	About string `json:"about,omitempty"`
	// Origin is "answered", or the reason why there is no reply.
	Origin mta.Origin `json:"origin"`
	Reply  string     `json:"reply,omitempty"`
	SMTP   []string   `json:"smtp,omitempty"`
}

// Negotiation is what a filter requested in the negotiation, in the names of
// libmilter, and the reasons.
type Negotiation struct {
	Version  uint32             `json:"version"`
	Actions  []string           `json:"actions"`
	Protocol []string           `json:"protocol"`
	Macros   map[string]string  `json:"macros"`
	Reasons  []framework.Reason `json:"reasons"`
}

func newNegotiation(answer wire.Negotiate, plan *framework.Plan) *Negotiation {
	n := &Negotiation{
		Version: answer.Version, Actions: append([]string{}, answer.Actions.Names()...),
		Protocol: append([]string{}, answer.Protocol.Names()...), Macros: map[string]string{},
		Reasons: recorded(plan.Reasons, answer.Protocol),
	}
	for _, list := range answer.Macros {
		n.Macros[list.Stage.String()] = list.Names
	}
	return n
}

// recorded returns the reasons of a plan with those of the page, which is sent the client and the
// envelope although no filter needs them.
func recorded(reasons []framework.Reason, protocol wire.Protocol) []framework.Reason {
	reasons = slices.Clone(reasons)
	names := protocol.Names()
	for i, r := range reasons {
		if r.Asked && strings.HasPrefix(r.Bit, "SMFIP_NO") && !slices.Contains(names, r.Bit) {
			reasons[i].Asked, reasons[i].Cause = false, "the page of -inspect shows the stage"
		}
	}
	return reasons
}

func newReport(m *message) *Report {
	r := &Report{
		Time: time.Now(), ID: m.nextID(), Client: m.client.String(), Helo: m.smtp.Hostname(),
		From: m.Sender.Addr, Args: m.Sender.Args, Recipients: []Recipient{}, Stages: []Stage{}, Modifications: []string{},
	}
	if m.filter != nil {
		answer, _ := m.filter.Negotiated()
		r.Negotiation = newNegotiation(answer, m.plan)
	}
	return r
}

func (r *Report) step(s mta.Step) {
	stage := Stage{Stage: string(s.Stage), About: s.About, Origin: s.Origin, SMTP: s.Lines()}
	if s.Origin == mta.Answered {
		stage.Reply = s.Code.String()
	}
	r.Stages = append(r.Stages, stage)
}

func (r *Report) recipient(address string, err error) {
	r.Recipients = append(r.Recipients, Recipient{Address: address, Accepted: err == nil, Reply: replyLines(err)})
}

// modified adds the edits that the filter requested.
func (r *Report) modified(edits []wire.Reply) {
	for _, e := range edits {
		r.Modifications = append(r.Modifications, e.String())
		if q, ok := e.(*wire.Quarantine); ok {
			r.Quarantine = q.Reason
		}
	}
}

// conclude sets the reply and, if it is not set yet, the verdict. The error is
// the SMTP reply to the client, or errAbandoned.
func (r *Report) conclude(err error) {
	r.Reply = replyLines(err)
	switch {
	case err == nil || r.Verdict != "":
	case errors.Is(err, errAbandoned) && (len(r.Recipients) == 0 || slices.ContainsFunc(r.Recipients, accepted)):
		r.Verdict = Abandoned
	default: // if no recipient was accepted, the client has to abandon the message
		r.Verdict = Refused
	}
}

func accepted(r Recipient) bool { return r.Accepted }

// failed records that the filter or the storing of the message failed.
func (r *Report) failed(err error) {
	r.Verdict, r.Error = Failed, err.Error()
}
