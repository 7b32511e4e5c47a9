package headers

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/message"
)

// isReplyPrefix reports whether mail programs put the word, and a colon, before the
// subject of a reply or of forwarded mail. Case is ignored.
func isReplyPrefix(word string) bool {
	switch strings.ToLower(word) {
	case "re", "fw", "fwd", // English and, with Res and Enc, Portuguese
		"aw", "wg", // German
		"antw", "doorst", // Dutch
		"sv", "vs", "vb", "vl", "vá", // Danish, Norwegian, Swedish, Finnish, Hungarian
		"ref", "réf", "tr", // French
		"r", "rif", "i", "inoltra", // Italian
		"rv", "reenv", // Spanish
		"res", "enc",
		"odp", "pd", // Polish
		"ynt", "ilt", "i̇lt", // Turkish
		"απ", "πρθ", // Greek
		"bls", "trs", // Indonesian
		"回复", "回覆", "答复", "转发", "轉寄": // Chinese
		return true
	}
	return false
}

// withoutReplyPrefix returns the text behind a reply prefix, its colon and at most
// one white space character, and whether the text begins with one. The prefix may
// have a number, as in "Re[2]:" and "AW (3):".
func withoutReplyPrefix(text string) (string, bool) {
	const longest = 24 // bytes, with the number
	end := strings.IndexAny(text[:min(len(text), longest)], ":：")
	if end < 0 {
		return text, false
	}
	word := text[:end]
	if at := strings.IndexAny(word, "[("); at >= 0 && isNumber(word[at+1:]) {
		word = strings.TrimRight(word[:at], " ")
	}
	if !isReplyPrefix(word) {
		return text, false
	}
	_, colon := utf8.DecodeRuneInString(text[end:])
	rest := text[end+colon:]
	if rest != "" && isSpace(rest[0]) {
		rest = rest[1:]
	}
	return rest, true
}

// isNumber reports whether a text is a number and a closing bracket.
func isNumber(text string) bool {
	digits := strings.TrimRight(text, "])")
	return digits != "" && len(text)-len(digits) == 1 && strings.Trim(digits, "0123456789") == ""
}

// maxReplyPrefixes is how many reply prefixes may stand before a tag. A sender could move
// the tag out of sight with more.
const maxReplyPrefixes = 5

// beginsWithTag reports whether a decoded value begins with a tag, or has it directly
// behind a few reply prefixes. A tag that is elsewhere does not count: the sender may have
// written it where nobody sees it. Neither does a tag that is a part of a word.
func beginsWithTag(text, tag string) bool {
	for range maxReplyPrefixes + 1 {
		if rest, ok := strings.CutPrefix(text, tag); ok && !isOneWord(tag, rest) {
			return true
		}
		var more bool
		if text, more = withoutReplyPrefix(text); !more {
			return false
		}
	}
	return false
}

// endsWithTag reports whether a decoded value ends with a tag that is not a part of a word.
func endsWithTag(text, tag string) bool {
	rest, ok := strings.CutSuffix(text, tag)
	return ok && !isOneWord(rest, tag)
}

// isOneWord reports whether the end of a text and the beginning of the next make one word.
func isOneWord(text, next string) bool {
	end, _ := utf8.DecodeLastRuneInString(text)
	begin, _ := utf8.DecodeRuneInString(next)
	return isWordRune(end) && isWordRune(begin)
}

func isWordRune(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }

// prefixed returns a value with a tag before it. If the two make one word, a space goes
// between them, without which beginsWithTag would not find the tag.
func prefixed(tag, value string) string {
	joined, text := message.Prefix(value, tag), decoded(tag)
	end, _ := utf8.DecodeLastRuneInString(text)
	if isWordRune(end) && isOneWord(text, decoded(value)) && !beginsWithTag(decoded(joined), strings.TrimSpace(text)) {
		return message.Prefix(value, tag+" ")
	}
	return joined
}

// suffixed is like prefixed, with the tag behind the value.
func suffixed(tag, value string) string {
	joined, text := message.Suffix(value, tag), decoded(tag)
	begin, _ := utf8.DecodeRuneInString(text)
	if isWordRune(begin) && isOneWord(decoded(value), text) && !endsWithTag(decoded(joined), strings.TrimSpace(text)) {
		return message.Suffix(value, " "+tag)
	}
	return joined
}
