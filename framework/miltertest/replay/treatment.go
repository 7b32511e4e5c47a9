package replay

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Verdict is what becomes of a message.
type Verdict string

// The verdicts.
const (
	Accepted    Verdict = "accepted"
	Rejected    Verdict = "rejected" // 5yz
	Deferred    Verdict = "deferred" // 4yz
	Discarded   Verdict = "discarded"
	Quarantined Verdict = "quarantined"
	// Lost: the MTA accepts the message and cannot deliver it: see [mta.ManyEditsLost].
	Lost Verdict = "lost"
	// Left: the client left before the end of the message.
	Left Verdict = "left by the client"
	// GoesOn: the filter does not refuse the message where the recorded one did. What it
	// would have done later is not known.
	GoesOn Verdict = "not refused there"
	// Failed: the filter broke the protocol, closed the connection, or did not answer in
	// time. The MTA then does what it is configured for.
	Failed Verdict = "the filter failed"
)

// Treatment is what a filter did to a message, as the MTA, its client and the recipients
// see it.
type Treatment struct {
	Verdict Verdict `json:"verdict"`
	// Stage is where the filter refused the message, or "".
	Stage mta.Stage `json:"stage,omitempty"`
	// Reply is the reply that the client got if the message was refused. Its lines are
	// separated by LF.
	Reply string `json:"reply,omitempty"`
	// Refused are the recipients that the filter refused, with the replies.
	Refused []Refusal `json:"refused,omitempty"`
	// Reason is the reason of a quarantine.
	Reason string `json:"reason,omitempty"`
	// Edits are the modifications in words, in the order of the filter.
	Edits []string `json:"edits,omitempty"`
	// Error is why the filter failed, or "".
	Error string `json:"error,omitempty"`

	edited *mta.Message // as it is delivered, or nil
	mods   []wire.Reply // of a delivered message
	as     mta.Config   // the MTA that applies the modifications
	space  string       // what it writes between the colon and a new value
	lacks  bool         // modifications were not recorded
	others []string     // refused commands that the MTA does not know
}

// Refusal is a recipient that a filter refused.
type Refusal struct {
	Recipient string `json:"recipient"`
	Reply     string `json:"reply"`
}

// teller tells the treatment of the messages of a conversation by one filter.
type teller struct {
	conv   *conversation
	course *course
	as     mta.Config // the MTA that applies the modifications
	answer *wire.Negotiate
}

// treatment returns what became of a transaction.
func (w *teller) treatment(i int) (*Treatment, error) {
	r := w.course.runs[i]
	t := &Treatment{others: w.course.others, as: w.as}
	for _, f := range r.refused {
		t.Refused = append(t.Refused, Refusal{f.Addr, lines(f.Response)})
	}
	switch d := r.decided; {
	case r.err != nil:
		t.Verdict, t.Error = Failed, r.err.Error()
	case d == nil:
		t.Verdict = Left
	case d.response.Code == wire.RepDiscard:
		t.Verdict = Discarded
	case d.response.Refuses():
		t.Verdict, t.Stage, t.Reply = Rejected, d.stage, lines(d.response)
		if strings.HasPrefix(t.Reply, "4") {
			t.Verdict = Deferred
		}
	default:
		return t, w.deliver(t, r, i)
	}
	return t, nil
}

func lines(r mta.Response) string { return strings.Join(r.Lines(), "\n") }

// deliver applies the modifications as the MTA does.
func (w *teller) deliver(t *Treatment, r *run, i int) error {
	t.Verdict = Accepted
	base := new(mta.Message)
	if i < len(w.conv.texts) {
		base = new(w.conv.texts[i].Message)
	}
	base.Recipients = r.accepted
	for _, m := range r.mods {
		if q, ok := m.(*wire.Quarantine); ok && !w.as.Quirks.Has(mta.QuarantineField) {
			t.Verdict, t.Reason = Quarantined, q.Reason
		}
	}
	edited, lost, err := w.as.Apply(base, r.mods, w.answer.Protocol)
	if err != nil {
		return err
	}
	if lost {
		t.Verdict = Lost
	}
	if t.space = " "; w.answer.Protocol.Has(wire.ProtoHdrLeadSpc) {
		t.space = ""
	}
	t.edited, t.mods, t.lacks = edited, r.mods, r.lacksMods
	t.Edits = editsInWords(base, r.mods)
	return nil
}
