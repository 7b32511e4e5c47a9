//go:build integration

package inspect_test

import (
	"errors"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// realFilters are the filters, in their order. Two of them change the subject.
func realFilters() *framework.Router {
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("senders", refuseSenders))
	r.Mount(miltertest.FilterFunc("recipients", refuseRecipients))
	r.Mount(miltertest.FilterFunc("first", func(r *framework.Router) error { return tag(r, "[1] ") }))
	r.Mount(miltertest.FilterFunc("second", func(r *framework.Router) error { return tag(r, "[2] ") }))
	r.Mount(miltertest.FilterFunc("content", refuseContent))
	r.Mount(miltertest.FilterFunc("edits", editMore))
	r.Mount(miltertest.FilterFunc("open", decide(map[string]error{"fails-open": errors.New("no scanner")})), framework.FailOpen())
	r.Mount(miltertest.FilterFunc("policy", decide(map[string]error{"fails-closed": errors.New("no policy")})))
	return r
}

// local returns the local part of an address, by which the filters decide.
func local(address string) string {
	name, _, _ := strings.Cut(address, "@")
	return name
}

func refuseSenders(r *framework.Router) error {
	r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) {
		switch local(m.Sender()) {
		case "sender-refused":
			return framework.Reply(550, "5.7.1", "we know you")
		case "sender-deferred":
			return framework.TempFail, nil
		case "mail-discarded":
			return framework.Discard, nil
		case "mail-accepted":
			return framework.Accept, nil
		}
		return framework.Continue, nil
	})
	return nil
}

func refuseRecipients(r *framework.Router) error {
	r.OnRcpt(func(_ *framework.Session, to *framework.Rcpt) (framework.Verdict, error) {
		switch local(to.Recipient()) {
		case "nobody", "nobody2":
			return framework.Reply(550, "5.1.1", local(to.Recipient())+" does not live here")
		case "later":
			return framework.Reply(450, "4.2.0", "come back", "tomorrow")
		case "reject":
			return framework.Reject, nil
		case "broken":
			return framework.Continue, errors.New("no list of users")
		case "friend":
			return framework.Accept, nil
		}
		return framework.Continue, nil
	})
	return nil
}

// tag puts a text before the subject, or adds one. It adds fields at the top and the end, and
// deletes the second X-Secret.
func tag(r *framework.Router, text string) error {
	header, add, change := r.WantHeaders(), r.GrantAddHeader(), r.GrantChangeHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		errs := []error{add.InsertTop(s, "X-Top", text), add.Prepend(s, "X-Above", text), add.Append(s, "X-End", text)}
		if subject, ok := header.First(s, "Subject"); ok {
			errs = append(errs, change.Change(s, subject.Handle, text+subject.Value))
		} else {
			errs = append(errs, add.Append(s, "Subject", text))
		}
		n := 0
		for secret := range header.Named(s, "X-Secret") {
			if n++; n == 2 {
				errs = append(errs, change.Delete(s, secret.Handle))
			}
		}
		return framework.Continue, errors.Join(errs...)
	})
	return nil
}

func refuseContent(r *framework.Router) error {
	envelope := r.WantEnvelope()
	at := func(name string, v framework.Verdict) func(*framework.Session) (framework.Verdict, error) {
		return func(s *framework.Session) (framework.Verdict, error) {
			if local(envelope.Sender(s)) == name {
				return v, nil
			}
			return framework.Continue, nil
		}
	}
	header, end := at("header-refused", framework.Reject), at("header-end-refused", framework.TempFail)
	body := at("body-refused", framework.MustReply(554, "5.7.1", "not such a body"))
	r.OnHeader(func(s *framework.Session, _ *framework.Header) (framework.Verdict, error) { return header(s) })
	r.OnEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) (framework.Verdict, error) { return end(s) })
	r.OnBody(func(s *framework.Session, _ *framework.Body) (framework.Verdict, error) { return body(s) })
	return nil
}

func editMore(r *framework.Router) error {
	envelope, replace, hold := r.WantEnvelope(), r.GrantReplaceBody(), r.GrantQuarantine()
	add, remove, sender := r.GrantAddRecipient(), r.GrantDeleteRecipient(), r.GrantChangeSender()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		switch local(envelope.Sender(s)) {
		case "held":
			return framework.Continue, hold.Quarantine(s, "looks odd")
		case "body-replaced":
			return framework.Continue, replace.Replace(s, []byte("another\r\n.\r\nbody\r\n"))
		case "recipients-changed":
			return framework.Continue, errors.Join(add.Add(s, "archive@example.test"), remove.Delete(s, "bob@example.test"))
		case "sender-changed":
			return framework.Continue, sender.Change(s, "changed@example.org")
		}
		return framework.Continue, nil
	})
	return nil
}

// decide returns a filter that decides at the end of the message, and fails for some senders.
func decide(fails map[string]error) func(*framework.Router) error {
	verdicts := map[string]framework.Verdict{
		"end-refused":        framework.Reject,
		"end-deferred":       framework.TempFail,
		"end-own-reply":      framework.MustReply(554, "5.7.1", "we do not want this"),
		"end-two-lines":      framework.MustReply(554, "5.7.1", "we do not want this", "and say so twice"),
		"end-percent":        framework.MustReply(554, "5.7.1", "100% spam"),
		"end-discarded":      framework.Discard,
		"edits-then-refused": framework.MustReply(550, "5.7.0", "in spite of all edits"),
	}
	return func(r *framework.Router) error {
		envelope := r.WantEnvelope()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			name := local(envelope.Sender(s))
			return verdicts[name], fails[name]
		})
		return nil
	}
}
