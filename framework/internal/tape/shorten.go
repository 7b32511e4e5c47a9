package tape

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// hidden is shown instead of the local part of an address. It is a valid one, so that a
// shortened record can be replayed.
const hidden = "x"

// Shorten appends a record to dst in which the local parts of addresses are hidden: in
// frames, edits, header fields, replies, errors, notes and attributes. It does not touch
// bodies. A malformed record becomes an empty one.
func Shorten(dst, rec []byte) []byte {
	w, r := NewWriter(1<<62), NewReader(rec)
	w.buf = dst
	for r.Next() {
		w.shorten(&r)
	}
	if r.Err() != nil {
		return dst
	}
	w.cut = false
	return w.buf
}

// shorten writes the current entry.
func (w *Writer) shorten(r *Reader) {
	switch r.Kind() { //nolint:exhaustive // the others hold no address
	case KindCommand, KindReply:
		k, f := r.Kind(), r.Frame()
		w.frame(k, f.Code, shortenFrame(k, &f))
	case KindAgain:
		w.Again() // what it repeats is shortened
	case KindVerdict:
		v := r.Verdict()
		v.Text = HideLocalParts(v.Text)
		w.Verdict(&v)
	case KindError:
		f := r.Failure()
		f.Text = HideLocalParts(f.Text)
		w.Failure(&f)
	case KindEdit:
		e := r.Edit()
		e.OldValue, e.Name, e.Value = hideInField(e.OldValue), HideLocalParts(e.Name), hideInField(e.Value)
		w.Edit(&e)
	case KindField:
		f := r.Field()
		w.Field(f.Filter, f.Name, hideInField(f.Value))
	case KindAttr:
		key, value := r.Attr()
		w.Attr(key, HideLocalParts(value))
	case KindNote:
		n := r.Note()
		n.Text, n.Error = HideLocalParts(n.Text), HideLocalParts(n.Error)
		w.Note(&n)
	case KindEnd:
		var e End
		r.End(&e)
		e.Text, e.Quarantine = HideLocalParts(e.Text), HideLocalParts(e.Quarantine)
		w.cut = e.Cut
		w.End(&e)
	default:
		at := w.begin(r.Kind())
		w.buf = append(w.buf, r.Payload()...)
		w.end(at)
	}
}

// shortenFrame returns the data of a frame without local parts.
func shortenFrame(k Kind, f *Frame) []byte {
	if k == KindCommand {
		return hideInCommand(wire.CommandCode(f.Code), f.Data)
	}
	return hideInReply(wire.ReplyCode(f.Code), f.Data)
}

// hideInCommand hides addresses in the data of a command. Its numbers stay, because one of
// their bytes may be that of an @.
func hideInCommand(code wire.CommandCode, data []byte) []byte {
	switch code {
	case wire.CmdBody, wire.CmdBodyEOB, wire.CmdOptNeg:
		return data
	case wire.CmdMacro:
		return hideMacros(data)
	case wire.CmdHeader:
		return hideHeader(data)
	case wire.CmdConnect:
		host, rest, ok := bytes.Cut(data, []byte{0})
		if !ok {
			break
		}
		return slices.Concat([]byte(HideLocalParts(string(host))), []byte{0}, rest)
	}
	return []byte(HideLocalParts(string(data)))
}

// hideInReply is like hideInCommand for a reply.
func hideInReply(code wire.ReplyCode, data []byte) []byte {
	const index = 4 // bytes before the field
	switch {
	case code == wire.RepOptNeg:
		return data
	case code == wire.RepAddHeader:
		return hideHeader(data)
	case (code == wire.RepInsHeader || code == wire.RepChgHeader) && len(data) > index:
		return slices.Concat(data[:index], hideHeader(data[index:]))
	}
	return []byte(HideLocalParts(string(data)))
}

// hideHeader hides addresses in the value of a header field.
func hideHeader(data []byte) []byte {
	name, value, ok := bytes.Cut(data, []byte{0})
	if !ok {
		return []byte(HideLocalParts(string(data)))
	}
	value = bytes.TrimSuffix(value, []byte{0})
	out := append(append([]byte{}, name...), 0)
	return append(append(out, hideInField(string(value))...), 0)
}

// users are the macros whose value is a local part, or may be one.
var users = map[string]bool{"auth_authen": true, "auth_author": true, "rcpt_addr": true, "mail_addr": true}

// hideMacros hides addresses and users in a list of macros.
func hideMacros(data []byte) []byte {
	if len(data) == 0 {
		return data
	}
	out := []byte{data[0]}
	for name, value := range wire.Macros(data[1:]) {
		shown := HideLocalParts(string(value))
		if users[strings.Trim(string(name), "{}")] && shown != "" && !strings.Contains(shown, "@") {
			shown = hidden
		}
		out = wire.AppendMacro(out, string(name), shown)
	}
	return out
}

// hideInField hides addresses in a header value. Encoded words that hold an address are
// replaced with their text.
func hideInField(value string) string {
	if strings.Contains(value, "=?") {
		if decoded, err := message.Decode(value); err == nil && strings.Contains(decoded, "@") {
			value = decoded
		}
	}
	return HideLocalParts(value)
}

// HideLocalParts hides the local part of everything that looks like an address: what is
// before an @, as far as a local part can reach, quoted or not (RFC 5322 section 3.4.1).
func HideLocalParts(s string) string {
	if strings.IndexByte(s, '@') < 0 {
		return s
	}
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '@')
		if at < 0 {
			b.WriteString(s)
			return b.String()
		}
		from := localPart(s[:at])
		b.WriteString(s[:from])
		if from < at {
			b.WriteString(hidden)
		}
		b.WriteByte('@')
		s = s[at+1:]
	}
}

// localPart returns where the local part at the end of s begins.
func localPart(s string) int {
	end := len(strings.TrimRight(s, " \t\r\n")) // old addresses have space there
	if end > 0 && s[end-1] == '"' {
		for i := end - 2; i >= 0; i-- {
			if s[i] == '"' && !escaped(s, i) {
				return i
			}
		}
	}
	i := end
	for i > 0 && isLocal(s[i-1]) {
		i--
	}
	if i == end {
		return len(s)
	}
	return i
}

// escaped reports whether a backslash quotes the byte.
func escaped(s string, i int) bool {
	n := 0
	for i > 0 && s[i-1] == '\\' {
		i--
		n++
	}
	return n%2 == 1
}

// isLocal reports whether an unquoted local part may have the byte. UTF-8 may be part of it
// (RFC 6531).
func isLocal(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune(`<>()[]:;,"@`, rune(c)) || c >= 0x80
}
