package main

import (
	"errors"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Report is what came of one message. With -json it is printed as one line.
type Report struct {
	Time time.Time `json:"time"`
	// ID is the message's queue id.
	ID     string   `json:"id"`
	Client string   `json:"client"`
	Helo   string   `json:"helo"`
	From   string   `json:"from"`
	Args   []string `json:"args,omitempty"`
	// Recipients are those that the client named.
	Recipients []Recipient `json:"recipients"`
	// Negotiation is what the filter asked of the mail server.
	Negotiation *Negotiation `json:"negotiation,omitempty"`
	Stages      []Stage      `json:"stages"`
	// Modifications are the filter's, in the order in which they came.
	Modifications []string `json:"modifications"`
	Verdict       Verdict  `json:"verdict"`
	// Reply is what the client was told of the message when it was refused.
	Reply []string `json:"reply,omitempty"`
	// Quarantine is the reason for which the message is held.
	Quarantine string `json:"quarantine,omitempty"`
	// File is where the message is kept.
	File string `json:"file,omitempty"`
	// Diff shows the message as it came and as it is kept.
	Diff []Hunk `json:"diff,omitempty"`
	// Error says why the filter, or keeping the message, failed.
	Error string `json:"error,omitempty"`
}

// Verdict says in a word what became of a message.
type Verdict string

// The verdicts.
const (
	Accepted    Verdict = "accepted"
	Quarantined Verdict = "quarantined" // accepted, and kept apart
	Discarded   Verdict = "discarded"   // accepted, and thrown away
	Refused     Verdict = "refused"
	Failed      Verdict = "failed"    // the filter failed, or the Maildir
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
	// Origin is "answered", or why no answer was due.
	Origin mta.Origin `json:"origin"`
	Reply  string     `json:"reply,omitempty"`
	SMTP   []string   `json:"smtp,omitempty"`
}

// Negotiation is what a filter asked for, in the names of libmilter, and why.
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
		Protocol: append([]string{}, answer.Protocol.Names()...), Macros: map[string]string{}, Reasons: plan.Reasons,
	}
	for _, list := range answer.Macros {
		n.Macros[list.Stage.String()] = list.Names
	}
	return n
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

// modified takes over what the filter asked to modify.
func (r *Report) modified(edits []wire.Reply) {
	for _, e := range edits {
		r.Modifications = append(r.Modifications, e.String())
		if q, ok := e.(*wire.Quarantine); ok {
			r.Quarantine = q.Reason
		}
	}
}

// conclude says what became of the message where that was not said yet. The
// error is what the client was told of it, or errGivenUp.
func (r *Report) conclude(err error) {
	r.Reply = replyLines(err)
	switch {
	case err == nil || r.Verdict != "":
	case errors.Is(err, errGivenUp) && (len(r.Recipients) == 0 || slices.ContainsFunc(r.Recipients, accepted)):
		r.Verdict = Abandoned
	default: // when no recipient is left, the client cannot but give up
		r.Verdict = Refused
	}
}

func accepted(r Recipient) bool { return r.Accepted }

// failed says that the message was put off for a fault on this side.
func (r *Report) failed(err error) {
	r.Verdict, r.Error = Failed, err.Error()
}
