package trial

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Action is what the MTA does with the message.
type Action string

// The actions.
const (
	// Accept: the MTA delivers the message.
	Accept Action = "accept"
	// Reject: the MTA refuses the message for good.
	Reject Action = "reject"
	// TempFail: the MTA refuses the message for now.
	TempFail Action = "tempfail"
	// Quarantine: the MTA accepts the message, and holds it.
	Quarantine Action = "quarantine"
	// Discard: the MTA accepts the message, and drops it.
	Discard Action = "discard"
)

// Field is a header field. Its value has everything after the colon, with the space, and with
// LF between lines.
type Field = mta.Field

// Result is what the MTA does with the message. It may be kept.
type Result struct {
	// Action is what happens to the message.
	Action Action
	// Stage is the stage at which the filters decided. If they refused all recipients, it is
	// [mta.StageRcpt].
	Stage mta.Stage
	// Reply is what the SMTP client gets if the message is refused. If all recipients were
	// refused, it is the reply to the last one.
	Reply Reply
	// Refused are the recipients that the filters refused. If others remain, the message is
	// not refused.
	Refused []Refusal
	// Quarantine is the reason that the filters gave, if the message is held.
	Quarantine string

	// Edits are the modifications. They are empty if the message is refused or discarded,
	// because the MTA then does not need them.
	Edits Edits
	// Results are the values of the Authentication-Results fields among Edits.Added, without
	// the space after the colon.
	Results []string
	// Header, Body, Sender and Recipients are the message that is delivered or held. They are
	// empty if none is. The lines of the body end in CRLF. The addresses have no brackets.
	Header     []Field
	Body       []byte
	Sender     string
	Recipients []string
}

// Reply is a reply to an SMTP client.
type Reply struct {
	// Code is the reply code, such as 550, or 0 if there is no reply.
	Code int
	// Status is the enhanced status, such as "5.7.1", or "".
	Status string
	// Text is the text, with LF between lines. If the filter has not composed a reply, it is
	// that of Postfix.
	Text string
}

// String returns the reply as one line, such as "550 5.7.1 no", or "" for none.
func (r Reply) String() string {
	if r.Code == 0 {
		return ""
	}
	text := strings.ReplaceAll(r.Text, "\n", " / ")
	return strings.Join(slices.DeleteFunc([]string{strconv.Itoa(r.Code), r.Status, text}, func(s string) bool { return s == "" }), " ")
}

// Refusal is a recipient that the filters refused.
type Refusal struct {
	// Recipient is the address without brackets.
	Recipient string
	Reply     Reply
}

// newResult returns the result of a message.
func newResult(msg *mta.Message, out *mta.Outcome, flavor mta.Flavor, p wire.Protocol) (*Result, error) {
	r := &Result{Action: Accept, Stage: out.DecidedAt, Reply: replyOf(out.Verdict)}
	switch {
	case r.Reply.Code >= 500:
		r.Action = Reject
	case r.Reply.Code > 0:
		r.Action = TempFail
	case out.Verdict.Code == wire.RepDiscard:
		r.Action = Discard
	case out.Quarantined:
		r.Action, r.Quarantine = Quarantine, out.Quarantine
	}
	for _, refused := range out.Refused {
		r.Refused = append(r.Refused, Refusal{unbracketed(refused.Addr), replyOf(refused.Response)})
	}
	if out.Edited == nil {
		return r, nil
	}
	if err := r.Edits.find(msg, out, flavor, p); err != nil {
		return nil, err
	}
	for _, f := range r.Edits.Added {
		if strings.EqualFold(f.Name, authres.FieldName) {
			r.Results = append(r.Results, strings.TrimPrefix(f.Value, " "))
		}
	}
	r.Header, r.Body, r.Sender = out.Edited.Header, out.Edited.Body, unbracketed(out.Edited.Sender.Addr)
	r.Recipients = addresses(out.Edited.Recipients)
	return r, nil
}

func addresses(rcpts []mta.Recipient) (list []string) {
	for _, rcpt := range rcpts {
		list = append(list, unbracketed(rcpt.Addr))
	}
	return list
}

// replyOf returns what the client gets, or a zero Reply.
func replyOf(resp mta.Response) Reply {
	var r Reply
	var texts []string
	for i, line := range resp.Lines() {
		code, text := line[:min(3, len(line))], strings.TrimLeft(line[min(3, len(line)):], " -")
		status, rest, _ := strings.Cut(text, " ")
		if i == 0 {
			r.Code, _ = strconv.Atoi(code) // it is a number: package wire checks that
		}
		if isStatus(status, code) {
			r.Status, text = status, rest
		}
		texts = append(texts, text)
	}
	r.Text = strings.Join(texts, "\n")
	return r
}

// isStatus reports whether a word is an enhanced status of the same class as the code (RFC
// 3463).
func isStatus(word, code string) bool {
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != code[:1] {
		return false
	}
	return !slices.ContainsFunc(parts, func(s string) bool {
		_, err := strconv.ParseUint(s, 10, 16)
		return err != nil || len(s) > 3
	})
}
