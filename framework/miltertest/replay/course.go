package replay

import (
	"slices"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// course is what the answers of a filter make of a conversation: what the MTA goes on to
// send, and what becomes of each message. The recorded and the new filter have one each.
type course struct {
	conv    *conversation
	session *decision // about the whole SMTP session, or nil
	runs    []*run    // by transaction
	number  int       // of the session, from 0
	others  []string  // answers to commands that the MTA does not know
}

// decision is an answer that ends the filter's part in the message or in the session.
type decision struct {
	response mta.Response
	stage    mta.Stage
}

// run is one transaction.
type run struct {
	decided  *decision
	accepted []mta.Recipient
	refused  []mta.Refused
	mods     []wire.Reply
	// lacksMods: modifications are missing in mods.
	lacksMods bool
	// endless: the filter did not decide, and the record has no more of the message.
	endless bool
	// err is how the filter failed, or nil.
	err error
}

func newCourse(c *conversation) *course {
	n := &course{conv: c}
	for range c.texts {
		n.runs = append(n.runs, new(run))
	}
	return n
}

// recorded returns the course of the old filter.
func recorded(c *conversation) *course {
	n := newCourse(c)
	for i := range c.steps {
		s := &c.steps[i]
		if isBoundary(s.code) {
			n.boundary(s.code)
			continue
		}
		if s.response != nil && !s.withheld {
			n.take(s, *s.response, s.mods)
			if r := n.run(s); r != nil && s.lacksMods {
				r.lacksMods = true
			}
		} else if !s.withheld && s.code != wire.CmdBodyEOB { // whose answer is always due
			n.take(s, mta.Response{Code: wire.RepContinue, Origin: mta.NotAwaited}, nil)
		}
	}
	n.finish()
	return n
}

// run returns the transaction of a step, or nil.
func (n *course) run(s *step) *run {
	if s.message < 0 {
		return nil
	}
	return n.runs[s.message]
}

// over reports whether the MTA does not send a step, because the session or the message is
// decided. It does not go on to the content without a recipient.
func (n *course) over(s *step) bool {
	r := n.run(s)
	if r != nil && s.code != wire.CmdMail && s.code != wire.CmdRcpt {
		r.conclude()
	}
	if n.session != nil && r != nil && r.decided == nil {
		r.decided = n.session
		r.acceptRest(n.conv.texts[s.message])
	}
	return n.session != nil || r != nil && r.decided != nil
}

// conclude decides a message all of whose recipients were refused.
func (r *run) conclude() {
	if r.decided == nil && len(r.accepted) == 0 && len(r.refused) > 0 {
		r.decided = &decision{r.refused[len(r.refused)-1].Response, mta.StageRcpt}
	}
}

// take takes the answer to a step.
func (n *course) take(s *step, resp mta.Response, mods []wire.Reply) {
	if n.over(s) {
		return
	}
	if n.conv.mta.Quirks.Has(mta.AcceptContinues) && resp.Code == wire.RepAccept && s.code != wire.CmdBodyEOB {
		resp.Code = wire.RepContinue
	}
	r := n.run(s)
	switch {
	case s.code == wire.CmdUnknown:
		if resp.Origin == mta.Answered && resp.Refuses() {
			n.others = append(n.others, resp.String())
		}
	case s.code == wire.CmdConnect, s.code == wire.CmdHelo:
		if resp.Final() {
			n.session = &decision{resp, stageOf(s.code)}
		}
	case r == nil:
	case s.code == wire.CmdRcpt:
		n.rcpt(r, s, resp)
	case s.code == wire.CmdBodyEOB:
		r.mods, r.decided = mods, &decision{resp, mta.StageEndOfMessage}
	case resp.Final():
		r.decided = &decision{resp, stageOf(s.code)}
		if resp.Code == wire.RepAccept {
			r.acceptRest(n.conv.texts[s.message])
		}
	}
	if resp.Code == wire.RepShutdown {
		n.session = &decision{resp, stageOf(s.code)}
	}
}

// acceptRest accepts the recipients that were not refused.
func (r *run) acceptRest(t *message) {
	r.accepted = nil
	for _, rcpt := range t.Recipients {
		if rcpt.Refusal == "" && !r.refuses(rcpt.Addr) {
			r.accepted = append(r.accepted, rcpt)
		}
	}
}

func (r *run) refuses(addr string) bool {
	for i := range r.refused {
		if r.refused[i].Addr == addr {
			return true
		}
	}
	return false
}

// rcpt takes the answer to a recipient. It has no effect if the MTA itself refused it.
func (n *course) rcpt(r *run, s *step, resp mta.Response) {
	if s.refusal != "" {
		return
	}
	var m wire.Rcpt
	_ = m.Decode(s.data) // it was decoded before
	rcpt := mta.Recipient{Addr: string(m.Recipient), Args: words(m.Args)}
	switch {
	case resp.Code == wire.RepDiscard, resp.Code == wire.RepShutdown,
		resp.Refuses() && n.conv.mta.Quirks.Has(mta.RefusesForAll):
		r.decided = &decision{resp, mta.StageRcpt}
	case resp.Refuses():
		r.refused = append(r.refused, mta.Refused{Recipient: rcpt, Response: resp})
	case resp.Code == wire.RepAccept:
		r.acceptRest(n.conv.texts[s.message])
		r.decided = &decision{resp, mta.StageRcpt}
	default:
		r.accepted = append(r.accepted, rcpt)
	}
}

// boundary begins another session at SMFIC_QUIT_NC.
func (n *course) boundary(code wire.CommandCode) {
	if code == wire.CmdQuitNC {
		n.endSession()
	}
}

// endSession decides a session that had no message.
func (n *course) endSession() {
	if at := n.conv.alone[n.number]; at >= 0 {
		n.runs[at].decided = n.session
	}
	n.session = nil
	n.number++
}

// finish decides the messages that ended without an answer.
func (n *course) finish() {
	n.endSession()
	for _, r := range n.runs {
		r.conclude()
		r.endless = r.decided == nil
	}
}

// undecided reports whether a message has no answer.
func (n *course) undecided() bool {
	return len(n.runs) == 0 || slices.ContainsFunc(n.runs, func(r *run) bool { return r.endless })
}

func stageOf(code wire.CommandCode) mta.Stage {
	switch code {
	case wire.CmdConnect:
		return mta.StageConnect
	case wire.CmdHelo:
		return mta.StageHelo
	case wire.CmdMail:
		return mta.StageMail
	case wire.CmdRcpt:
		return mta.StageRcpt
	case wire.CmdData:
		return mta.StageData
	case wire.CmdHeader:
		return mta.StageHeader
	case wire.CmdEOH:
		return mta.StageEndOfHeaders
	case wire.CmdBody:
		return mta.StageBody
	case wire.CmdUnknown:
		return mta.StageUnknown
	default:
		return mta.StageEndOfMessage
	}
}
