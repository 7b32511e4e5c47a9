package authres

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Width is the number of columns of a line that [Format] does not exceed if it can fold the
// line.
const Width = 78

// maxValue is the number of bytes of a value that Format writes. Longer values, which no
// honest domain, address or reason has, would make lines longer than the 998 bytes that SMTP
// allows.
const maxValue = 400

// ErrField is the error that the errors of [Format] match.
var ErrField = errors.New("authres: cannot write the field")

// Format returns the value of an Authentication-Results field, ready for a
// [framework.HeaderAdder]: with one line for each result, lines longer than 78 columns
// folded before a property, and lines separated by LF.
//
// Format quotes an authserv-id, a reason and a property that need quotes. Whatever a value
// contains, it stays one value: control characters become spaces, bytes that are not UTF-8
// become question marks, and of a value longer than 400 bytes the beginning is written, with
// "..." behind it. Text beyond ASCII is written in UTF-8, in quotes, as RFC 8616 allows it
// for internationalized messages: use [Field.ASCII] for others. Empty properties are
// omitted.
//
// The error is for words that no field can have: an empty ID, a method, result, type or name
// that is not a keyword, or a version that is not a number. They come from a program and not
// from mail.
func Format(f Field) (string, error) {
	w := writer{column: len(FieldName) + len(": ")}
	id := strings.Trim(clean(f.ID), " ")
	if id == "" {
		return "", fmt.Errorf("%w: there is no authserv-id", ErrField)
	}
	w.word(quote(id, isToken(id)))
	w.version(" ", f.Version)
	if len(f.Results) == 0 {
		w.word("; none")
	}
	for i := range f.Results {
		w.result(&f.Results[i])
	}
	return w.text.String(), w.err
}

// formatResults returns the lines for results: each with the semicolon before it.
func formatResults(list []Result) (string, error) {
	var w writer
	for i := range list {
		w.result(&list[i])
	}
	return w.text.String(), w.err
}

// writer writes a field.
type writer struct {
	text   strings.Builder
	column int // of the last line
	err    error
}

// word writes text that contains no line end.
func (w *writer) word(text string) {
	w.text.WriteString(text)
	w.column += utf8.RuneCountInString(text)
}

// fold begins a line.
func (w *writer) fold(indent string) {
	w.text.WriteString("\n" + indent)
	w.column = len(indent)
}

// result writes a result in a line of its own.
func (w *writer) result(r *Result) {
	w.word(";")
	w.fold("\t")
	w.keyword("method", r.Method)
	w.version("/", r.Version)
	w.word("=")
	w.keyword("result", r.Value)
	if r.Reason != "" {
		w.property("reason", quote(r.Reason, isToken(r.Reason)))
	}
	for _, p := range r.Properties {
		if p.Value == "" {
			continue
		}
		if !isKeyword(p.Type) || !isKeyword(p.Name) {
			w.fail("%q.%q is not a property", p.Type, p.Name)
		}
		w.property(p.Type+"."+p.Name, quote(p.Value, isToken(p.Value) || isAddress(p.Value)))
	}
}

// property writes a property or the reason, in a new line if the line has no room for it.
func (w *writer) property(name, value string) {
	text := name + "=" + value
	if w.column+1+utf8.RuneCountInString(text) > Width {
		w.fold("\t ")
	} else {
		w.word(" ")
	}
	w.word(text)
}

func (w *writer) keyword(what, text string) {
	if !isKeyword(text) {
		w.fail("the %s %q is not a keyword", what, text)
	}
	w.word(text)
}

func (w *writer) version(before, version string) {
	if strings.Trim(version, "0123456789") != "" {
		w.fail("the version %q is not a number", version)
	}
	if version != "" {
		w.word(before + version)
	}
}

// fail keeps the first error.
func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: "+format, append([]any{ErrField}, args...)...)
	}
}

// isAddress reports whether text is an address, or an @ and a domain, that a field may have
// without quotes (pvalue in RFC 8601 section 2.2). It leaves out the characters = / and ?,
// which the grammar allows in a local part, because readers differ about them.
func isAddress(text string) bool {
	local, domain, at := strings.Cut(text, "@")
	return at && (local == "" || isToken(local)) && isToken(domain)
}

// quote returns a value as it is written: plain, or as a quoted string.
func quote(text string, plain bool) string {
	if plain && len(text) <= maxValue {
		return text
	}
	text = clean(text)
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}

// clean returns text without characters that a quoted string cannot have, and without what
// exceeds the length of a value.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cc, r), r == '\u2028', r == '\u2029':
			return ' '
		case r == utf8.RuneError:
			return '?'
		}
		return r
	}, text)
	if len(text) <= maxValue {
		return text
	}
	const mark = "..."
	end := maxValue - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}

// ASCII returns the field as a message has it that is not internationalized (RFC 6532):
// names in the ID and in the properties have A-labels. Of an address whose local part is not
// ASCII, "@" and the domain remain, which RFC 8601 section 2.2 allows: with another local part
// it would be another address. Other characters beyond ASCII become question marks.
func (f Field) ASCII() Field {
	f.ID = ascii(f.ID)
	results := make([]Result, len(f.Results))
	for i, r := range f.Results {
		r.Reason = question(r.Reason)
		properties := make([]Property, len(r.Properties))
		for n, p := range r.Properties {
			p.Value = ascii(p.Value)
			properties[n] = p
		}
		r.Properties = properties
		results[i] = r
	}
	f.Results = results
	return f
}

// ascii returns a domain or an address in ASCII.
func ascii(text string) string {
	if isASCII(text) {
		return text
	}
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:at+1], asciiDomain(text[at+1:])
	if !isASCII(local) {
		local = "@"
	}
	return local + question(domain)
}

// question returns text with a question mark for each character beyond ASCII.
func question(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, text)
}
