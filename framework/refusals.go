package framework

import (
	"bytes"
	"strings"
)

// The limits of the log lines about one message. The rest is counted.
const (
	namedRecipients = 5   // that one line names
	refusalGroups   = 5   // of refused recipients, by filter and verdict
	maxLoggedValue  = 256 // bytes of a value
)

// refusals is what the lines about refused mail show of the open message. It copies
// addresses into memory that it reuses, so that it costs nothing if no mail is refused.
type refusals struct {
	sender     []byte
	recipients addressList         // that no filter refused
	latest     bool                // recipients has the recipient of the latest RCPT
	refused    []refusedRecipients // by filter and verdict
	others     int                 // refused recipients that refused does not count
	data       bool                // a line says that DATA was refused
}

// refusedRecipients are recipients that a filter refused with the same verdict.
type refusedRecipients struct {
	filter  string
	verdict Verdict
	further addressList // after the first
}

// from keeps the sender of the message.
func (r *refusals) from(sender []byte) {
	r.sender = append(r.sender[:0], sender[:min(len(sender), maxLoggedValue)]...)
}

// begin begins an RCPT. Its recipient counts if it is added: neither one that the MTA has
// refused nor one that came out of order is.
func (r *refusals) begin() { r.latest = false }

// add adds the recipient of the latest RCPT.
func (r *refusals) add(recipient []byte) {
	r.recipients.add(recipient)
	r.latest = true
}

// refuse moves the latest recipient to those that were refused. It reports whether it is
// the first with this filter and verdict, which has a line.
func (r *refusals) refuse(v Verdict, filter string, recipient []byte) (first bool) {
	if r.latest {
		r.recipients.dropLast()
		r.latest = false
	}
	for i := range r.refused {
		if of := &r.refused[i]; of.filter == filter && of.verdict.equal(v) {
			of.further.add(recipient)
			return false
		}
	}
	if len(r.refused) == refusalGroups {
		r.others++
		return false
	}
	r.refused = append(r.refused, refusedRecipients{filter: filter, verdict: v})
	return true
}

// reset drops everything and keeps some of the memory.
func (r *refusals) reset() {
	clear(r.refused)
	r.recipients.reset()
	*r = refusals{sender: r.sender[:0], recipients: r.recipients, refused: r.refused[:0]}
}

// addressList holds the first addresses of a list, and the number of all.
type addressList struct {
	count int
	text  []byte // each followed by a NUL, which no address contains
}

func (l *addressList) add(addr []byte) {
	l.count++
	if l.count <= namedRecipients {
		l.text = append(append(l.text, addr[:min(len(addr), maxLoggedValue)]...), 0)
	}
}

// dropLast drops the address that was added last.
func (l *addressList) dropLast() {
	l.count--
	if l.count < namedRecipients {
		rest := bytes.TrimSuffix(l.text, []byte{0})
		l.text = l.text[:bytes.LastIndexByte(rest, 0)+1]
	}
}

func (l *addressList) reset() { l.count, l.text = 0, l.text[:0] }

// attrs returns the attributes of a log line that name the recipients.
func (l *addressList) attrs(redact func(key, value string) string) []any {
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(l.text), "\x00"), "\x00") {
		if name = redact("recipient", name); name != "" {
			names = append(names, name)
		}
	}
	var attrs []any
	if len(names) > 0 {
		attrs = append(attrs, "recipient", strings.Join(names, ", "))
	}
	if l.count > 1 {
		attrs = append(attrs, "recipients", l.count)
	}
	return attrs
}
