package message

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// Address is the address of a mailbox, as a header field or the envelope has it. The
// zero value is the null address, "<>". Addresses are comparable, but two that compare
// unequal may mean one mailbox: compare the domains in their [Domain.ASCII] form.
type Address struct {
	// Name is the display name: without quotes, comments and folds, and with one space
	// for white space between its words. Encoded words (RFC 2047) stay encoded. A
	// tolerant parse also leaves bytes that are not UTF-8.
	Name string
	// Local is the local part, without quotes and backslashes. Its case counts (RFC 5321
	// section 2.4).
	Local string
	// Domain is empty for a mailbox without a domain, such as "postmaster".
	Domain Domain
}

// IsNull reports whether a is the null address, which the sender of a bounce has.
func (a Address) IsNull() bool { return a.Local == "" && a.Domain == "" }

// Addr returns the address without its name: local part, @ and domain. The local part
// is quoted if it must be. Characters that no domain can have, such as a comma, cannot be
// quoted, and become "?". For the null address, Addr returns "".
func (a Address) Addr() string {
	switch {
	case a.IsNull():
		return ""
	case a.Domain == "":
		return quoteLocal(a.Local)
	}
	return quoteLocal(a.Local) + "@" + a.Domain.written()
}

// Path returns the address in the form of the envelope: in angle brackets, without its
// name.
func (a Address) Path() string { return "<" + a.Addr() + ">" }

// String returns the address in the form of a header field: the name, quoted if it must
// be, and the address in angle brackets, or the address alone if it has no name. The
// result is one line without NUL, whatever the address contains. If it
// is UTF-8, a [Tolerant] [ParseAddressList] reads it as one address again, unless it is the
// null address, which no header field of addresses can have. A name that is not ASCII stays
// so: [EncodeAddresses] encodes it in the result.
func (a Address) String() string {
	switch {
	case a.Name != "":
		return quoteName(a.Name) + " " + a.Path()
	case a.IsNull():
		return a.Path()
	}
	return a.Addr()
}

// quoteName returns a display name as atoms, or as a quoted string.
func quoteName(name string) string {
	name = lex.OneLine(name)
	for word := range strings.SplitSeq(name, " ") {
		if !isAtom(word) {
			return quote(name)
		}
	}
	return name
}

// quoteLocal returns a local part as atoms with dots between them, or as a quoted string.
func quoteLocal(local string) string {
	local = lex.OneLine(local)
	for word := range strings.SplitSeq(local, ".") {
		if !isAtom(word) {
			return quote(local)
		}
	}
	return local
}

func isAtom(word string) bool {
	for i := range len(word) {
		if !isAtext(word[i]) {
			return false
		}
	}
	return word != ""
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
