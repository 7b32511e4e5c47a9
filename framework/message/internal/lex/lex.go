package lex

import "strings"

// Comment returns the length of the comment that text begins with, which may have comments
// in it. If it does not end, Comment returns the length of the text and false.
func Comment(text string) (n int, ends bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(text), false
}

// Quoted returns the length of the quoted string that text begins with. If it does not end,
// Quoted returns the length of the text and false.
func Quoted(text string) (n int, ends bool) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(text), false
}

// Unescape returns text without the backslashes of its quoted pairs (RFC 5322 section
// 3.2.1). A backslash at the end stays.
func Unescape(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// OneLine returns text with a space for each line break and each NUL, which no field can
// have.
func OneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n\x00") {
		return text
	}
	return strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\x00", " ").Replace(text)
}
