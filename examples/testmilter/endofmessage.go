package main

import (
	"errors"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// edits are the grants that the orders need, zero where they need none.
type edits struct {
	body   framework.BodyReplacer
	sender framework.SenderChanger
	insert framework.HeaderAdder
	change framework.HeaderChanger
	add    framework.RecipientAdder
	delete framework.RecipientDeleter
}

func (f *Filter) endOfMessage(r *framework.Router) {
	var g edits
	if f.BodyFile != "" {
		g.body = r.GrantReplaceBody()
	}
	if f.Sender != "" {
		g.sender = r.GrantChangeSender()
	}
	if f.Insert != nil {
		g.insert = r.GrantAddHeader()
	}
	if f.Change != nil {
		g.change = r.GrantChangeHeader()
	}
	if len(f.Add) > 0 {
		g.add = r.GrantAddRecipient()
	}
	if len(f.Delete) > 0 {
		g.delete = r.GrantDeleteRecipient()
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		f.print(s, framework.StageEndOfMessage, "eom")
		f.edit(s, g)
		return f.verdict(framework.StageEndOfMessage), nil
	})
}

// edit carries the edits out, in the order of test-milter. One that fails is
// printed, and the message goes on without it.
func (f *Filter) edit(s *framework.Session, g edits) {
	if f.BodyFile != "" {
		f.failed(s, "body", f.replace(s, g.body))
	}
	if f.Sender != "" {
		words := strings.Fields(f.Sender)
		f.failed(s, "sender", g.sender.Change(s, words[0], words[1:]...))
	}
	if f.Insert != nil {
		f.failed(s, "insert", f.insert(s, g.insert))
	}
	if f.Change != nil {
		f.failed(s, "change", f.change(s, g.change))
	}
	for _, addr := range f.Add {
		f.failed(s, "add", g.add.Add(s, addr))
	}
	for _, addr := range f.Delete {
		f.failed(s, "delete", g.delete.Delete(s, addr))
	}
}

// replace hands the file over to the framework, which closes it.
func (f *Filter) replace(s *framework.Session, g framework.BodyReplacer) error {
	file, err := os.Open(f.BodyFile)
	if err != nil {
		return err
	}
	if err := g.ReplaceFrom(s, file); err != nil {
		return errors.Join(err, file.Close())
	}
	return nil
}

// insert inserts a field. MTAs count their own Received field, which the index 0 is
// above; the framework counts the fields above the new one, without it.
func (f *Filter) insert(s *framework.Session, g framework.HeaderAdder) error {
	e := f.Insert
	switch {
	case e.Index == 0 && f.RawHeaders:
		return g.PrependRaw(s, e.Name, e.Value)
	case e.Index == 0:
		return g.Prepend(s, e.Name, e.Value)
	case f.RawHeaders:
		return g.InsertRaw(s, e.Index-1, e.Name, e.Value)
	}
	return g.Insert(s, e.Index-1, e.Name, e.Value)
}

// change changes a field or deletes it. The index 0 is the first, as it is for
// MTAs.
func (f *Filter) change(s *framework.Session, g framework.HeaderChanger) error {
	field := framework.NthHeader(f.Change.Name, max(1, f.Change.Index))
	switch {
	case f.Change.Value == "":
		return g.Delete(s, field)
	case f.RawHeaders:
		return g.ChangeRaw(s, field, f.Change.Value)
	}
	return g.Change(s, field, f.Change.Value)
}

func (f *Filter) failed(s *framework.Session, what string, err error) {
	if err != nil {
		f.print(s, framework.StageAbort, "failed %s: %s", what, quoted(err.Error()))
	}
}
