package spf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework/message"
)

// each returns the results that differ, in the order of the fields: that for the envelope
// sender first, because some readers take only the first.
func (r *Results) each() []*Result {
	if r.bounce || r.noHelo || r.Skipped != "" {
		return []*Result{&r.MailFrom}
	}
	return []*Result{&r.MailFrom, &r.Helo}
}

// AuthRes returns the results in the form of an Authentication-Results field (RFC 8601 section
// 2.7.2): that of MAIL FROM, and that of HELO if it was checked by itself.
func (r *Results) AuthRes() []authres.Result {
	var list []authres.Result
	for _, result := range r.each() {
		list = append(list, result.authres())
	}
	if r.bounce {
		list[0].Properties = append(list[0].Properties, authres.Property{Type: "smtp", Name: "helo", Value: r.Helo.Domain})
	}
	return list
}

func (r *Result) authres() authres.Result {
	value := r.Sender
	if r.Identity == Helo {
		value = r.Domain
	}
	return authres.Result{
		Method: "spf", Value: string(r.Status), Reason: r.Reason,
		Properties: []authres.Property{{Type: "smtp", Name: string(r.Identity), Value: value}},
	}
}

const receivedSPFName = "Received-SPF"

// receivedSPF returns the value of a Received-SPF field (RFC 7208 section 9.1).
func receivedSPF(r *Result, q *Query, host string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", r.Status, commentText(host+": "+r.sentence(q.IP)))
	for _, pair := range [][2]string{
		{"identity", string(r.Identity)},
		{"client-ip", addrText(q.IP)},
		{"helo", q.Helo},
		{"envelope-from", r.Sender},
		{"receiver", host},
		{"mechanism", r.Mechanism},
		{"problem", r.problem()},
	} {
		if value := shown(pair[1], maxShown); value != "" {
			fmt.Fprintf(&b, " %s=%s;", pair[0], word(value))
		}
	}
	return message.Fold(receivedSPFName, strings.TrimSuffix(b.String(), ";"))
}

// addrText returns an address, or "" if there is none.
func addrText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// problem returns what is wrong, for an error.
func (r *Result) problem() string {
	if r.Status == TempError || r.Status == PermError {
		return r.Reason
	}
	return ""
}

// sentence explains a result to a person.
func (r *Result) sentence(client netip.Addr) string {
	switch r.Status {
	case Pass:
		return fmt.Sprintf("domain of %s designates %s as permitted sender", r.Sender, client)
	case Fail:
		return fmt.Sprintf("domain of %s does not designate %s as permitted sender", r.Sender, client)
	case SoftFail:
		return fmt.Sprintf("domain of %s discourages use of %s as permitted sender", r.Sender, client)
	case Neutral:
		return fmt.Sprintf("domain of %s says nothing about %s", r.Sender, client)
	default:
		return r.Reason
	}
}

// commentText returns a text as a comment has it.
func commentText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(shown(text, maxShown+maxReason))
}

// word returns a value as a dot-atom, or as a quoted string if it is none (RFC 5322 section
// 3.2).
func word(value string) string {
	for part := range strings.SplitSeq(value, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>[]:;@\,"=`, r) }) {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
		}
	}
	return value
}
