package remote

import (
	"cmp"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// other is what the filter did that a shadow is compared with.
type other struct {
	Decision

	decided     bool
	failed      bool
	endedBefore bool // another filter ended the message before this one decided
	at          framework.Stage
	unseen      bool // the milter did not see the event at which this one refused
	refused     []refusal
	edits       []Edit
	message     uint64
	queueID     string
	err         error // why the shadow did not see the whole message
}

// size returns the memory that it takes until the milter has answered.
func (o *other) size() (n int) {
	for i := range o.edits {
		n += editCost + len(o.edits[i].Name) + len(o.edits[i].Value)
	}
	for i := range o.refused {
		n += editCost + len(o.refused[i].addr)
	}
	return n
}

// compare compares what the milter did with what the other filter did, and ends the message.
func (w *worker) compare(o *other) {
	msg, sh := w.message, w.mirror.shadow
	if !msg.ended {
		w.abort()
	}
	w.message = shadowWork{}
	d := &Difference{
		Filter: w.mirror.lane.filter.cfg.Name, Of: sh.Of, Session: w.id, Message: o.message, QueueID: o.queueID,
	}
	if d.Err = cmp.Or(w.lost, msg.err, o.err); d.Err != nil {
		w.mirror.report(w.log, d)
		sh.counts.failed.Add(1)
		return
	}
	d.Milter, d.Other = msg.verdict, o.Decision
	if w.client.Verdict != framework.Continue {
		d.Milter = w.client
	}
	if o.failed || o.endedBefore && d.Milter.Stage >= o.at || o.unseen && d.Milter.passes() {
		sh.counts.undecided.Add(1)
		return
	}
	decided := msg.ended || d.Milter.Verdict != framework.Continue
	if decided && o.decided && d.Milter.passes() && o.passes() {
		d.Extra, d.Missing = differences(sh.normal(msg.edits), sh.normal(o.edits))
	}
	d.Verdict = !d.Milter.same(o.Decision)
	if !d.Verdict || min(d.Milter.Stage, o.Stage) > framework.StageRcpt {
		d.Recipients = aboutRecipients(msg.refused, o.refused)
	}
	switch {
	case d.Differs():
		w.mirror.report(w.log, d)
		sh.counts.differed.Add(1)
		sh.counts.compared.Add(1)
	case o.decided && decided:
		sh.counts.compared.Add(1)
	default:
		sh.counts.undecided.Add(1)
	}
}

// aboutRecipients returns the recipients about whom two lists of refusals differ.
func aboutRecipients(milter, other []refusal) (list []RefusedRecipient) {
	left := slices.Clone(other)
	for _, r := range milter {
		i := slices.IndexFunc(left, func(o refusal) bool { return o.addr == r.addr })
		var v framework.Verdict
		if i >= 0 {
			v = left[i].verdict
			left = slices.Delete(left, i, i+1)
		}
		if v.String() != r.verdict.String() {
			list = append(list, RefusedRecipient{r.addr, r.verdict, v})
		}
	}
	for _, o := range left {
		list = append(list, RefusedRecipient{Address: o.addr, Other: o.verdict})
	}
	return list
}

// normal returns the edits without what does not matter.
func (sh *shadow) normal(edits []Edit) []Edit {
	if sh.Normalize == nil {
		return edits
	}
	var list []Edit
	for _, e := range edits {
		if e, matters := sh.Normalize(e); matters {
			list = append(list, e)
		}
	}
	return list
}

// differences returns the edits that only one of two lists has. If the lists have the same edits
// in another order, it returns both.
func differences(milter, other []Edit) (extra, missing []Edit) {
	if slices.Equal(milter, other) {
		return nil, nil
	}
	count := make(map[Edit]int)
	for _, e := range other {
		count[e]++
	}
	for _, e := range milter {
		if count[e]--; count[e] < 0 {
			extra = append(extra, e)
		}
	}
	for _, e := range slices.Backward(other) {
		if count[e] > 0 {
			count[e]--
			missing = append(missing, e)
		}
	}
	slices.Reverse(missing)
	if len(extra)+len(missing) == 0 {
		return milter, other
	}
	return extra, missing
}
