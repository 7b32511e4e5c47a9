package remote_test

import (
	"strings"
	"testing"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// editor is a filter that uses every stage and makes every modification, as the
// Subject of a message tells it.
func editor() framework.Filter {
	return miltertest.FilterFunc("editor", func(r *framework.Router) error {
		insert, change, body := r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantReplaceBody()
		addRcpt, deleteRcpt, sender, hold := r.GrantAddRecipient(), r.GrantDeleteRecipient(), r.GrantChangeSender(), r.GrantQuarantine()
		headers, kept, client := r.WantHeaders(), r.WantBody(), r.WantClient()
		id := r.WantMacro(framework.StageEndOfMessage, "i")
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if strings.HasPrefix(e.Recipient(), "nobody@") {
				return framework.Reply(550, "5.1.1", "no such user", "try another one")
			}
			return framework.Continue, nil
		})
		r.OnHeader(func(_ *framework.Session, e *framework.Header) (framework.Verdict, error) {
			switch {
			case !e.Is("X-Order"):
			case e.Value() == "reject":
				return framework.Reject, nil
			case e.Value() == "accept":
				return framework.Accept, nil
			case e.Value() == "discard":
				return framework.Discard, nil
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			order, _ := headers.First(s, "X-Order")
			if order.Value != "edit" {
				return framework.Continue, nil
			}
			queueID, _ := id.Value(s)
			var err error
			do := func(e error) {
				if err == nil {
					err = e
				}
			}
			do(insert.Prepend(s, "X-Above", client.Host(s)))
			do(insert.InsertTop(s, "X-Top", queueID))
			do(insert.InsertTop(s, "X-Top", "second\n\tfolded"))
			do(insert.InsertAbove(s, order.Handle, "X-Beside", "above"))
			do(insert.InsertBelow(s, order.Handle, "X-Beside", "below"))
			do(insert.Append(s, "X-Bottom", "1"))
			do(insert.Append(s, "X-Bottom", "2"))
			for f := range headers.Named(s, "X-Forged") {
				do(change.Delete(s, f.Handle))
			}
			for f := range headers.Named(s, "Subject") {
				do(change.Change(s, f.Handle, "[tag] "+f.Value))
			}
			do(body.ReplaceFrom(s, kept.Reader(s)))
			do(addRcpt.Add(s, "<archive@example.net>"))
			do(deleteRcpt.Delete(s, "<bob@example.net>"))
			do(sender.Change(s, "<bounce@example.org>"))
			do(hold.Quarantine(s, "held"))
			return framework.Continue, err
		})
		return nil
	})
}

// orders returns messages that the editor acts on.
func orders() []*mta.Message {
	var list []*mta.Message
	for _, order := range []string{"edit", "reject", "accept", "discard"} {
		list = append(list, &mta.Message{
			Client: mta.Client{Host: "client.example.org", Family: '6', Addr: "2001:db8::1", Port: 25},
			Sender: mta.Address{Addr: "<ann@example.org>", Args: []string{"SIZE=100"}},
			Recipients: []mta.Recipient{
				{Addr: "<bob@example.net>"}, {Addr: "<nobody@example.net>"}, {Addr: "<carol@example.net>", Args: []string{"NOTIFY=NEVER"}},
			},
			Header: []mta.Field{
				{Name: "X-Forged", Value: " 1"},
				{Name: "x-forged", Value: " 2"},
				{Name: "Subject", Value: "  two\n spaces"},
				{Name: "X-Order", Value: " " + order},
				{Name: "X-Forged", Value: " 3"},
				{Name: "To", Value: "\tbob@example.net"},
			},
			Body: []byte("one\r\ntwo\r\n"),
		})
	}
	return list
}

// A milter behind a lane passes the conformance suite, but for what the milter protocol
// cannot tell it: which fields an earlier filter added. This one insists on all actions that it
// asked for at the start: see TestLacking.
func TestConformance(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, lane(t, remote.Config{}, serve(t, editor())), miltertest.Messages(orders()...),
		miltertest.Except("fields of others", "missing wishes", "on Maddy"))
}
