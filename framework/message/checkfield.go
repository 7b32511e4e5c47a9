package message

import "strings"

// CheckField judges the value of a header field by the grammar of RFC 5322, current and
// obsolete (sections 3.3 to 3.6 and 4.2 to 4.5), with UTF-8 as RFC 6532 allows it. It
// returns nil for a value that conforms. It judges these fields, without regard to the
// case of the name:
//
//   - Date and Resent-Date contain a date, each part of which is in its range. Whether
//     the name of the day belongs to the date is not judged.
//   - From and Resent-From contain mailboxes. A group, which RFC 6854 allows there, is an
//     error: it hides the author from a signer, a policy and most mail readers.
//   - Sender and Resent-Sender contain one mailbox.
//   - Reply-To, To and Cc, Resent-Reply-To, Resent-To and Resent-Cc contain addresses and
//     groups. Bcc and Resent-Bcc also may be empty.
//   - Message-ID and Resent-Message-ID contain one message identifier.
//   - In-Reply-To and References contain message identifiers, and the phrases that RFC
//     822 allowed between them, but no commas.
//   - Return-Path contains an address in angle brackets, which may be null.
//
// In every field, NUL is an error, and so is a CR or LF that does not fold the line. The
// value may begin with the space behind the colon. Lines may end with CRLF or with LF.
//
// An error is a *[SyntaxError]: it names the byte and what the grammar has there. The
// cost is linear in the length of the value.
func CheckField(name, value string) error {
	p := newParser(value)
	switch strings.ToLower(strings.TrimRight(name, " \t")) {
	case "date", "resent-date":
		p.date()
	case "from", "resent-from":
		p.mailboxes()
	case "sender", "resent-sender":
		p.mailbox()
	case "reply-to", "to", "cc", "resent-reply-to", "resent-to", "resent-cc":
		p.addressList()
	case "bcc", "resent-bcc":
		p.bcc()
	case "message-id", "resent-message-id":
		p.messageID()
	case "in-reply-to", "references":
		p.references()
	case "return-path":
		p.returnPath()
	default:
		return unstructured(value)
	}
	return p.result("the end of the value, or white space or a comment")
}

// unstructured judges the line breaks of a value.
func unstructured(value string) error {
	p := &parser{s: value}
	if at := strings.IndexByte(value, 0); at >= 0 {
		p.failAt(at, "no NUL")
	}
	for p.err == nil && p.i < len(value) {
		next := strings.IndexAny(value[p.i:], "\r\n")
		if next < 0 {
			break
		}
		p.i += next
		p.fws()
	}
	p.i = len(value)
	return p.result("")
}

// bcc reads a list of addresses, or nothing but commas (obs-bcc).
func (p *parser) bcc() {
	p.cfws()
	for p.take(',') {
		p.cfws()
	}
	if p.i < len(p.s) {
		p.addressList()
	}
}

// messageID reads a msg-id. Its obsolete form has the syntax of an address.
func (p *parser) messageID() {
	p.cfws()
	if !p.need('<', "a message identifier such as <id@example.org>") {
		return
	}
	w := p.words()
	if w.n == 0 {
		p.fail("the left side of a message identifier")
	}
	if p.peek() != '@' {
		p.fail("an @ in the message identifier")
		return
	}
	p.addrSpec(w)
	p.need('>', "a > that ends the message identifier")
	p.cfws()
}

// references reads message identifiers and phrases.
func (p *parser) references() {
	for p.err == nil && p.i < len(p.s) {
		if w := p.words(); w.n > 0 {
			w.needPhrase(p, w.first)
		}
		if p.err == nil && p.i < len(p.s) {
			p.messageID()
		}
	}
}

// returnPath reads a path.
func (p *parser) returnPath() {
	p.cfws()
	if p.peek() != '<' {
		p.fail("an address in angle brackets")
		return
	}
	at := p.i
	p.i++
	if p.cfws(); !p.take('>') {
		p.i = at
		p.angle()
	}
	p.cfws()
}
