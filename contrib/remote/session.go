package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// session is the state of an SMTP session: the connection to the milter, and what another
// milter has to be told if this one fails.
type session struct {
	link   *link
	open   bool     // the milter has seen a message that was not aborted
	steps  []step   // CONNECT and HELO
	early  []packet // macros of the two, if the milter declined the event
	macros sentLists
}

// ResetSlot closes a connection that the session has left.
func (ss *session) ResetSlot() {
	if ss.link != nil {
		_ = ss.link.Close()
	}
	*ss = session{}
}

// transaction is what the milter knows of the open message.
type transaction struct {
	link    *link  // that has seen a part of it
	steps   []step // of the envelope
	size    int    // of the steps
	content bool   // a part of the content was sent, which is not kept
	macros  sentLists
}

// maxRepeated is the size of the envelope that is kept to repeat it to another milter.
const maxRepeated = 64 << 10

// step is a command to the milter, with the macros before it. It can be repeated.
type step struct {
	code   wire.CommandCode
	macros []packet
	size   int
	// recipient is that of an RCPT.
	recipient string
	send      func(context.Context, *link) (mta.Response, error)
}

// packet is the macros before a command.
type packet struct {
	before wire.CommandCode
	list   []mta.Macro
}

// run sends the step on the session's connection.
func (st *step) run(ctx context.Context, l *link) (mta.Response, error) {
	for _, p := range st.macros {
		if err := l.Macros(p.before, p.list); err != nil {
			return mta.Response{}, err
		}
	}
	return st.send(ctx, l)
}

// ofContent reports whether the step carries a part of the content, or ends it.
func (st *step) ofContent() bool {
	switch st.code {
	case wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB:
		return true
	}
	return false
}

var (
	// errLost reports that a milter failed that had seen a part of the message's
	// content. The message cannot go on.
	errLost = errors.New("remote: the milter failed in this message, which cannot be repeated to another one")
	// errChanged reports that another milter answers the same differently.
	errChanged = errors.New("the milter refuses what another one accepted before")
	// errNotQuiet reports that the milter has closed the connection, or sent what would be
	// taken for the answer to the next command.
	errNotQuiet = errors.New("it closed the connection or answered twice")
)

// exchange sends a step to the milter and returns the answer. If the milter fails, the
// next one gets what the first one has seen of the session, unless that includes content.
// msg is nil for a step that ends a message or precedes all.
func (l *lane) exchange(ctx context.Context, offers func() mta.Offer, ss *session, msg *transaction, st *step) (mta.Response, error) {
	var first error
	for range len(l.filter.pool.members) + 1 {
		if err := l.connected(ctx, offers, ss, msg); err != nil {
			return mta.Response{}, errors.Join(first, err)
		}
		resp, err := ss.send(ctx, msg, st)
		if err == nil {
			return resp, nil
		}
		err = ss.drop(err)
		if first = errors.Join(first, err); ctx.Err() != nil || msg != nil && msg.content {
			break
		}
	}
	return mta.Response{}, first
}

// send sends a step on the connection and records it.
func (ss *session) send(ctx context.Context, msg *transaction, st *step) (mta.Response, error) {
	if !ss.link.quiet() {
		return mta.Response{}, errNotQuiet
	}
	if msg != nil && st.code != wire.CmdUnknown {
		if err := ss.begin(msg); err != nil {
			return mta.Response{}, err
		}
		msg.content = msg.content || st.ofContent()
	}
	resp, err := st.run(ctx, ss.link)
	if err == nil && goesOn(resp) {
		ss.record(msg, st)
	}
	return resp, err
}

// goesOn reports whether the milter sees more of the session or message after its answer.
func goesOn(resp mta.Response) bool {
	return resp.Code == wire.RepContinue || resp.Code == wire.RepSkip
}

// record keeps a step for another milter. Content is not kept.
func (ss *session) record(msg *transaction, st *step) {
	switch {
	case st.code == wire.CmdUnknown || st.ofContent():
	case msg != nil:
		if msg.size += st.size; msg.size <= maxRepeated {
			msg.steps = append(msg.steps, *st)
		} else {
			msg.content = true // it cannot be repeated either
		}
	case st.code == wire.CmdHelo && len(ss.steps) > 0 && ss.steps[len(ss.steps)-1].code == wire.CmdHelo:
		ss.steps[len(ss.steps)-1] = *st
	default:
		ss.steps = append(ss.steps, *st)
	}
}

// begin tells the milter that the previous message is over, if this is the first part of
// the message that it sees.
func (ss *session) begin(msg *transaction) error {
	if msg.link == ss.link {
		return nil
	}
	if ss.open {
		if err := ss.link.Abort(); err != nil {
			return err
		}
	}
	msg.link, ss.open = ss.link, true
	return nil
}

// connected makes sure that the session has a connection. It repeats to a new milter what
// the session has sent so far. offers returns what the milter is offered.
func (l *lane) connected(ctx context.Context, offers func() mta.Offer, ss *session, msg *transaction) error {
	switch {
	case ss.link != nil:
		return nil
	case msg != nil && msg.content:
		return errLost
	}
	link, err := l.filter.pool.open(ctx, offers(), func(candidate *link) error {
		if err := l.suits(candidate); err != nil {
			return err
		}
		return repeat(ctx, candidate, ss, msg)
	})
	if err != nil {
		return err
	}
	ss.link, ss.open = link, msg != nil && len(msg.steps) > 0
	if ss.open {
		msg.link = link
	}
	return nil
}

// errRefusing reports that a milter wants to answer more because the MTA lacks an action, as
// Sluice does to refuse all mail. The milter has not failed.
var errRefusing = errors.New("it cannot do without what the MTA does not allow")

// suits reports why the lane cannot give a milter what it wants.
func (l *lane) suits(candidate *link) error {
	more := beyond(&candidate.answer, &l.wishes)
	if more == "" {
		return nil
	}
	if lacks := l.wishes.Actions &^ candidate.offer.Actions; lacks != 0 {
		return fmt.Errorf("%w, %v: it wants %s", errRefusing, lacks, more)
	}
	return fmt.Errorf("it wants more than at start-up; restart this program, too: %s", more)
}

// offer returns what a milter is offered in a session, if it may make the modifications.
func (l *lane) offer(s *framework.Session, may wire.Actions) mta.Offer {
	extras := l.wishes.Protocol & negotiable
	if !s.RawHeaders() {
		extras &^= wire.ProtoHdrLeadSpc
	}
	return offer(l.filter.cfg.Version, may, extras)
}

// repeat sends what the session has sent to another milter.
func repeat(ctx context.Context, l *link, ss *session, msg *transaction) error {
	for _, p := range ss.early {
		if err := l.Macros(p.before, p.list); err != nil {
			return err
		}
	}
	steps := ss.steps
	if msg != nil {
		steps = append(slices.Clip(steps), msg.steps...)
	}
	for i := range steps {
		resp, err := steps[i].run(ctx, l)
		if err == nil && !goesOn(resp) {
			err = fmt.Errorf("%w: %v to %v", errChanged, resp, steps[i].code)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drop closes the connection after a failure of the milter, and returns the error with the
// milter's address.
func (ss *session) drop(err error) error {
	failed := ss.link
	ss.link, ss.open = nil, false
	_ = failed.Close()
	failed.ticket.failed(err)
	return failed.member.failed("session ended", err)
}

// abort tells the milter that the message is over.
func (l *lane) abort(s *framework.Session, _ *framework.Abort) error {
	ss := l.session.Get(s)
	if ss.link == nil || !ss.open || l.message.Get(s).link != ss.link {
		return nil
	}
	ss.open = false
	ctx, cancel := farewell(s)
	defer cancel()
	if ss.link.Abort() != nil || ss.link.Flush(ctx) != nil {
		_ = ss.link.Close() // the next message finds out, and takes another connection
	}
	return nil
}

// close ends the session. The connection is kept for another one, if the milter can serve
// several.
func (l *lane) close(s *framework.Session, _ *framework.Close) error {
	ss := l.session.Get(s)
	if ss.link == nil {
		return nil
	}
	ctx, cancel := farewell(s)
	defer cancel()
	if ss.open {
		_ = ss.link.Abort()
	}
	ss.link.ticket.succeeded()
	ss.link.keep(ctx)
	ss.link = nil
	return nil
}

// lastCommands limits the time of the last commands of a message or a session.
const lastCommands = time.Second

// farewell returns a context for the last commands of a message or a session, whose own
// context may have ended.
func farewell(s *framework.Session) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(s.Context()), lastCommands)
}
