//go:build integration

package integration_test

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// rewriter is a filter that changes existing parts of a message.
type rewriter struct{}

func (rewriter) Name() string { return "rewriter" }

func (rewriter) Register(r *framework.Router) error {
	list, add, change, rename := r.WantHeaders(), r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantRenameHeader()
	sender, rcpt, unrcpt := r.GrantChangeSender(), r.GrantAddRecipient(), r.GrantDeleteRecipient()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var do errands
		for f := range list.All(s) {
			switch f.Name {
			case "Subject":
				do.err(change.Change(s, f.Handle, "[r] "+f.Value))
			case "X-Drop":
				do.err(change.Delete(s, f.Handle))
			case "X-Old":
				do.err(rename.Rename(s, f.Handle, "X-New"))
			}
		}
		do.err(add.InsertTop(s, "X-Top", "by the rewriter"))
		do.err(add.Insert(s, 3, "X-Many", "inserted"))
		do.err(add.Append(s, "X-Rewriter", "one\n\ttwo"))
		do.err(sender.Change(s, "rewritten@example.org"))
		do.err(rcpt.Add(s, "copy@example.test"))
		do.err(unrcpt.Delete(s, "<second.gone@example.test>"))
		return framework.Continue, do.first
	})
	return nil
}

// errands keeps the first error of several.
type errands struct{ first error }

func (e *errands) err(err error) {
	if e.first == nil {
		e.first = err
	}
}

// adder is a filter that reports in new fields what it saw of the header.
type adder struct{}

func (adder) Name() string { return "adder" }

type headerSeen struct {
	names []string
	many  int
	last  framework.HeaderHandle
}

func (adder) Register(r *framework.Router) error {
	add, change := r.GrantAddHeader(), r.GrantChangeHeader()
	seen := framework.PerMessage[headerSeen](r)
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		state := seen.Get(s)
		state.names = append(state.names, h.Name())
		switch {
		case h.Is("X-Many"):
			state.many, state.last = state.many+1, h.Handle()
		case h.Is("Subject"):
			return add.Append(s, "X-Subject", h.Value())
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		state := seen.Get(s)
		if state.many > 0 {
			if err := change.Change(s, state.last, fmt.Sprintf("the last of %d", state.many)); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, add.Append(s, "X-Count", fmt.Sprintf("%d: %s", len(state.names), strings.Join(state.names, " ")))
	})
	return nil
}

// changer is a filter that replaces the body by one derived from it.
type changer struct{}

func (changer) Name() string { return "changer" }

type bodySeen struct {
	fields int
	text   strings.Builder
}

func (changer) Register(r *framework.Router) error {
	replace := r.GrantReplaceBody()
	seen := framework.PerMessage[bodySeen](r)
	r.ObserveHeader(func(s *framework.Session, _ *framework.Header) error {
		seen.Get(s).fields++
		return nil
	})
	r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
		seen.Get(s).text.Write(b.Chunk())
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		state := seen.Get(s)
		text := fmt.Sprintf("%sbelow %d fields\n", strings.ToUpper(state.text.String()), state.fields)
		return framework.Continue, replace.ReplaceFrom(s, strings.NewReader(text))
	})
	return nil
}

// deciding wraps a filter. Once per session, at a given stage, it returns a
// verdict before the filter runs.
type deciding struct {
	framework.Filter
	stage  stage
	decide decision
}

func (d deciding) Register(r *framework.Router) error {
	d.stage.answer(r, d.decide.once())
	return d.Filter.Register(r)
}

// failingAtEnd is a filter that fails after it has requested all of its
// modifications.
type failingAtEnd struct{ framework.Filter }

func (f failingAtEnd) Register(r *framework.Router) error {
	err := f.Filter.Register(r)
	on(r.OnEndOfMessage, failing)
	return err
}
