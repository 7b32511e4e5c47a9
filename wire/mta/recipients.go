package mta

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// rcpts sends the recipients. A refusal by the filter applies to one recipient.
// If no recipient remains, the MTA refuses DATA, and the verdict is the
// response to the last recipient.
func (t *transaction) rcpts() error {
	if err := t.showRefused(); err != nil {
		return err
	}
	for i, r := range t.msg.Recipients {
		if r.Refusal != "" && !t.agreed(wire.ProtoRcptRej) {
			continue
		}
		resp, err := t.rcpt(r)
		if err != nil {
			return err
		}
		if r.Refusal == "" && t.recordRcpt(i, resp) {
			return nil
		}
	}
	t.conclude()
	return nil
}

// showRefused sends a recipient that the MTA refused, if the MTA has the quirk
// RejectedRcpt.
func (t *transaction) showRefused() error {
	if !t.has(RejectedRcpt) || !t.agreed(wire.ProtoRcptRej) {
		return nil
	}
	_, err := t.rcpt(Recipient{Addr: "<nobody@example.net>", Refusal: "550 5.1.1 User unknown"})
	return err
}

func (t *transaction) rcpt(r Recipient) (Response, error) {
	if err := t.takeEvent(); err != nil {
		return Response{}, err
	}
	if err := t.macros(wire.MacroEnvRcpt, wire.CmdRcpt, t.rcptMacros(r)...); err != nil {
		return Response{}, err
	}
	addr := t.address(Address{Addr: r.Addr}).Addr
	resp, err := t.event(t.ctx, &wire.Rcpt{Recipient: []byte(addr), Args: t.args(r.Args)})
	if err == nil {
		t.out.Steps = append(t.out.Steps, Step{Stage: StageRcpt, About: r.Addr, Response: resp})
	}
	return resp, err
}

// args returns the ESMTP arguments as the MTA sends them.
func (t *transaction) args(list []string) [][]byte {
	switch {
	case t.has(NoArguments):
		return nil
	case t.has(OnlySMTPUTF8):
		list = slices.DeleteFunc(slices.Clone(list), func(arg string) bool { return !strings.EqualFold(arg, "SMTPUTF8") })
	}
	return texts(list)
}

// recordRcpt records the response to the i-th recipient and reports whether it
// ends the message.
func (t *transaction) recordRcpt(i int, resp Response) bool {
	r := t.msg.Recipients[i]
	resp = t.effective(wire.CmdRcpt, resp)
	t.out.Verdict, t.out.DecidedAt = resp, StageRcpt
	switch resp.Code {
	case wire.RepShutdown, wire.RepDiscard:
		return true
	case wire.RepAccept:
		t.out.Accepted = append(t.out.Accepted, accepted(t.msg.Recipients[i:])...)
		return true
	case wire.RepReject, wire.RepTempFail, wire.RepReplyCode:
		if t.has(RefusesForAll) {
			t.out.Accepted = nil
			return true
		}
		t.out.Refused = append(t.out.Refused, Refused{Recipient: r, Response: resp})
	default:
		t.out.Accepted = append(t.out.Accepted, r)
	}
	return false
}

// conclude sets the verdict after the last recipient.
func (t *transaction) conclude() {
	switch {
	case len(t.msg.Recipients) == 0 || len(t.out.Accepted) > 0:
		t.out.Verdict = Response{Code: wire.RepContinue, Origin: Answered}
	case len(t.out.Refused) == 0:
		t.out.Verdict, t.out.DecidedAt = Response{Code: wire.RepReject, Origin: NotSent}, StageRcpt // refused by the MTA
	default:
		t.out.Verdict = t.out.Refused[len(t.out.Refused)-1].Response
	}
}

// accepted returns the recipients that the MTA itself did not refuse.
func accepted(list []Recipient) []Recipient {
	var out []Recipient
	for _, r := range list {
		if r.Refusal == "" {
			out = append(out, r)
		}
	}
	return out
}
