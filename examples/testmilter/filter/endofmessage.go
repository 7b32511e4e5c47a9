package filter

import (
	"errors"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// edits holds the grants that the orders need. A grant that they do not need is
// zero.
type edits struct {
	body   framework.BodyReplacer
	sender framework.SenderChanger
	insert framework.HeaderInserter
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
		g.insert = r.GrantInsertHeader()
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

// edit makes the edits in the order of test-milter. If an edit fails, edit
// prints the error and continues.
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

// replace replaces the body with the content of the file. The framework closes
// the file, unless ReplaceFrom returns an error.
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

// insert inserts a field. The index 0 is above the MTA's own Received field. The
// framework counts the fields above the new one without that field.
func (f *Filter) insert(s *framework.Session, g framework.HeaderInserter) error {
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

// change changes or deletes a field. The index 0 means the first field, as it does
// for MTAs.
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
