package message

import (
	"strings"
	"unicode/utf8"
)

// Prefix returns the value of an unstructured field with a tag before it, such as
// "[external] " before a Subject, so that mail readers show the tag and then the
// value: [Decode] returns the text of the tag followed by that of the value. The
// value may be folded, and is not changed: its encoded words, correct or sloppy, and
// its raw text stay as they are. Fold the result with [Fold].
//
// A tag of printable ASCII is written as it is, others as encoded words. The tag
// may have encoded words: its text counts. An encoded word must have white space
// around it, and readers show no white space between two. So if the tag does not
// end with a space, Prefix adds one before a value that begins with an encoded
// word, and behind a tag that is not ASCII. If the value is empty, spaces at the
// end of the tag are dropped. A tag that is not valid UTF-8 is written as it is,
// for the reason that [EncodeText] gives.
func Prefix(value, tag string) string {
	value = strings.Trim(value, blanks+"\r\n")
	bare := strings.TrimRight(tag, blanks)
	read, asIs := tagText(bare)
	text := strings.TrimRight(read, blanks)
	space := read[len(text):] + tag[len(bare):]
	asIs = asIs && (space != "" || !strings.HasSuffix(text, "="))
	begins, _ := wordEnds(value)
	switch {
	case text == "":
		return value
	case value == "":
		return encodeTag(text, asIs)
	case !asIs && begins:
		return encodeTag(text+space, false) + " " + value
	case space == "" && (!asIs || strings.HasPrefix(value, "=?")):
		space = " "
	}
	return encodeTag(text, asIs) + space + value
}

// Suffix returns the value with a tag behind it, such as " (external)". Otherwise
// it works like [Prefix], and has its arguments in the same order.
func Suffix(value, tag string) string {
	value = strings.Trim(value, blanks+"\r\n")
	bare := strings.TrimLeft(tag, blanks)
	read, asIs := tagText(bare)
	text := strings.TrimLeft(read, blanks)
	space := tag[:len(tag)-len(bare)] + read[:len(read)-len(text)]
	asIs = asIs && (space != "" || !strings.HasPrefix(text, "=") && !strings.HasPrefix(text, "?"))
	_, ends := wordEnds(value)
	switch {
	case text == "":
		return value
	case value == "":
		return encodeTag(text, asIs)
	case !asIs && ends:
		return value + " " + encodeTag(space+text, false)
	case space == "" && (!asIs || strings.HasSuffix(value, "?=")):
		space = " "
	}
	return value + space + encodeTag(text, asIs)
}

// tagText returns the text of a tag, and whether it can be written as it is: if no
// part of it can be taken for a part of an encoded word.
func tagText(tag string) (text string, asIs bool) {
	if !utf8.ValidString(tag) {
		return Unfold(tag), true
	}
	text, _ = Decode(tag) // the text is usable even with an error
	return text, isPrintable(text) && !hasWords(text) && !strings.Contains(text, wordEnd)
}

func encodeTag(text string, asIs bool) string {
	if asIs || text == "" {
		return text
	}
	var b strings.Builder
	writeWords(&b, text, isTextLiteral)
	return b.String()
}

// wordEnds reports whether a value begins and ends with encoded words that readers
// decode, or would decode if they knew the charset.
func wordEnds(value string) (begins, ends bool) {
	value = Unfold(value)
	for at := 0; at < len(value); {
		begin, w, ok := nextWord(value, at)
		at = begin + len(w.raw)
		begins = begins || ok && begin == 0
		ends = ok && at == len(value)
	}
	return begins, ends
}
