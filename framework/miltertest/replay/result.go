package replay

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Result is what a replay of one record has shown.
type Result struct {
	// ID, QueueID, Sender, Recipients and Client tell which message it is.
	ID         string   `json:"id"`
	QueueID    string   `json:"queue_id,omitempty"`
	Sender     string   `json:"sender,omitempty"`
	Recipients []string `json:"recipients,omitempty"`
	Client     string   `json:"client,omitempty"`

	// NotReplayable says why the record could not be replayed, or is "". Then nothing was
	// compared, and the fields below but Assumed are empty.
	NotReplayable string `json:"not_replayable,omitempty"`
	// Assumed is what was assumed: see Config.Assume.
	Assumed []string `json:"assumed,omitempty"`
	// Messages are the transactions of the record that differ.
	Messages []Message `json:"messages,omitempty"`
	// Plan is what the two filters negotiated differently. It is no difference of the
	// message.
	Plan *Plan `json:"plan,omitempty"`
}

// Message is one transaction that the new filter treats differently.
type Message struct {
	// Number is the number of the transaction in the record, from 1.
	Number      int          `json:"number"`
	Recorded    Treatment    `json:"recorded"`
	Now         Treatment    `json:"now"`
	Differences []Difference `json:"differences"`
}

// Differs reports whether the new filter treats the message differently.
func (r *Result) Differs() bool { return len(r.Messages) > 0 }

// Kinds returns the kinds of differences, each once.
func (r *Result) Kinds() []Kind {
	var list []Kind
	for _, m := range r.Messages {
		for _, d := range m.Differences {
			if !slices.Contains(list, d.Kind) {
				list = append(list, d.Kind)
			}
		}
	}
	return list
}

func newResult(m *record.Message) *Result {
	r := &Result{ID: m.ID, QueueID: m.QueueID, Sender: m.Sender, Client: m.Client.Addr}
	for i := range m.Recipients {
		r.Recipients = append(r.Recipients, m.Recipients[i].Address)
	}
	return r
}

// DialError is the error for a filter that cannot be reached. It ends a replay.
type DialError struct{ Err error }

// Error implements error.
func (e *DialError) Error() string { return "replay: cannot reach the filter: " + e.Err.Error() }

// Unwrap returns e.Err.
func (e *DialError) Unwrap() error { return e.Err }

// Play replays one record. The error is a *[DialError], or wraps that of the context. A filter
// that fails later, or that a record cannot be replayed to, is no error.
func Play(ctx context.Context, cfg Config, m *record.Message) (*Result, error) {
	r := newResult(m)
	err := r.play(ctx, &cfg, m)
	if reason, ok := errors.AsType[*reasonError](err); ok {
		r.NotReplayable, r.Messages, err = reason.reason, nil, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r, err
}

func (r *Result) play(ctx context.Context, cfg *Config, m *record.Message) error {
	if err := absent(cfg, m); err != nil {
		return err
	}
	conv, err := read(m)
	if err != nil {
		return err
	}
	conn, err := cfg.Dial(ctx)
	if err != nil {
		return &DialError{err}
	}
	as := conv.mta
	if cfg.MTA != nil {
		as = *cfg.MTA
	}
	link := &watched{Conn: conn}
	c := mta.NewConn(link, cfg.limited(as, conv.size()))
	defer func() { _ = c.Close() }()
	g := &game{cfg: cfg, conv: conv, link: link, conn: c, old: conv.old, new: newCourse(conv)}
	if err := g.play(ctx); err != nil {
		r.Assumed = g.assumed.list
		return err
	}
	_ = c.Quit(ctx) // a filter that failed may have closed the connection
	r.Assumed = g.assumed.list
	if cfg.Check != nil {
		if reason := cfg.Check(); reason != "" {
			return notReplayable("%s", reason)
		}
	}
	r.Plan = planOf(conv.plan(&g.answer), &g.answer)
	return r.judge(g, as)
}

// absent returns the reason if a filter that the new configuration lacks on purpose had a part
// in the recorded result.
func absent(cfg *Config, m *record.Message) error {
	for i := range m.Filters {
		f := &m.Filters[i]
		decided := f.Verdict.Kind != "" && f.Verdict.Kind != "continue" && f.Verdict.Kind != "accept"
		if slices.Contains(cfg.Absent, f.Name) && !f.DryRun && (f.Failed || decided || len(f.Edits) > 0 || f.Replaced || f.Incomplete) {
			return notReplayable("the filter %s is left out, and it had decided or edited", f.Name)
		}
	}
	for i := range m.Recipients {
		if v := m.Recipients[i].Refusal; v != nil && slices.Contains(cfg.Absent, v.Filter) {
			return notReplayable("the filter %s is left out, and it had refused a recipient", v.Filter)
		}
	}
	return nil
}

func (c *conversation) size() (n int) {
	for i := range c.steps {
		n += len(c.steps[i].data)
	}
	return n
}

// game is the replay of one record.
type game struct {
	cfg      *Config
	conv     *conversation
	link     *watched
	conn     *mta.Conn
	old, new *course
	answer   wire.Negotiate
	assumed  *assumptions
}

// play negotiates and plays. A failure of the filter is kept in the course.
func (g *game) play(ctx context.Context) error {
	g.assumed = &assumptions{allowed: g.cfg.Assume}
	if err := g.conn.Negotiate(ctx); err != nil {
		for _, r := range g.new.runs {
			r.fail(err)
		}
		return nil
	}
	g.answer, _ = g.conn.Negotiated()
	p := player{
		conv: g.conv, conn: g.conn, answer: g.answer, cfg: g.cfg, old: g.old, new: g.new, known: known{conv: g.conv}, assumed: g.assumed,
	}
	play := p.play
	if g.cfg.MTA != nil {
		play = (&other{player: p}).play
	}
	err := play(ctx)
	switch {
	case errors.As(err, new(*reasonError)), ctx.Err() != nil:
		return err
	case err == nil:
		g.watch(ctx)
	}
	for _, r := range g.new.runs { // those before a failure, see run.err
		r.conclude()
	}
	return nil
}

// judge compares the two courses, message by message.
func (r *Result) judge(g *game, as mta.Config) error {
	was := teller{g.conv, g.old, g.conv.mta, &g.conv.answer}
	is := teller{g.conv, g.new, as, &g.answer}
	for i := range g.new.runs {
		before, err := was.treatment(i)
		if err != nil {
			return damaged(err)
		}
		now, err := is.treatment(i)
		if err != nil {
			return damaged(err)
		}
		if now.Verdict == Left && before.Verdict != Left {
			now.Verdict = GoesOn
		}
		if before.lacks && now.edited != nil {
			return notReplayable("a modification of the recorded filter was not recorded")
		}
		c := comparison{
			cfg: g.cfg, was: before, is: now,
			hasSender: !declines(&g.conv.answer, wire.CmdMail), hasRcpts: !declines(&g.conv.answer, wire.CmdRcpt),
		}
		if i < len(g.conv.texts) {
			c.base = g.conv.texts[i]
		}
		if list := c.compare(); len(list) > 0 {
			r.Messages = append(r.Messages, Message{i + 1, *before, *now, list})
		}
	}
	return nil
}

// Plan is what the new filter negotiates differently: names of mfapi.h and mfdef.h.
type Plan struct {
	// Added and Removed are actions, protocol bits and macros, such as SMFIF_CHGHDRS,
	// SMFIP_NOBODY or "SMFIM_CONNECT v".
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// planOf returns the difference of two plans, or nil if there is none.
func planOf(was, is *wire.Negotiate) *Plan {
	before, now := wishes(was), wishes(is)
	p := &Plan{Added: missingIn(now, before), Removed: missingIn(before, now)}
	if len(p.Added)+len(p.Removed) == 0 {
		return nil
	}
	return p
}

func wishes(n *wire.Negotiate) []string {
	list := append(n.Actions.Names(), n.Protocol.Names()...)
	for _, l := range n.Macros {
		for name := range strings.FieldsSeq(l.Names) {
			list = append(list, l.Stage.String()+" "+name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
