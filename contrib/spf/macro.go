package spf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// macroString is a text with macros (RFC 7208 section 7).
type macroString []macroPart

// macroPart is a macro or the text between macros.
type macroPart struct {
	macro      bool   // it begins with a percent sign in the record
	text       string // what it stands for, if it has no letter
	letter     byte   // in lower case
	escape     bool   // the letter is in upper case: the value is escaped as in a URL
	last       int    // the number of parts on the right that are used; 0 means all
	reverse    bool
	delimiters string
}

// Letters of macros. Some are for explanations only.
const (
	letters            = "slodiphv"
	explanationLetters = letters + "crt"
	macroDelimiters    = ".-+,/_="
)

// maxParts is the largest number of parts that a macro distinguishes. An address does not
// have so many, and RFC 7208 section 7.3 requires 127.
const maxParts = 1000

// parseMacros parses a text with macros. It may contain the letters given, and spaces if
// those are allowed.
func parseMacros(text, allowed string, spaces bool) (macroString, error) {
	var parts macroString
	for text != "" {
		if text[0] == '%' {
			part, length, err := parseMacro(text, allowed)
			if err != nil {
				return nil, err
			}
			parts, text = append(parts, part), text[length:]
			continue
		}
		length := strings.IndexByte(text, '%')
		if length < 0 {
			length = len(text)
		}
		for _, c := range []byte(text[:length]) {
			if !isVisible(c) && (c != ' ' || !spaces) {
				return nil, fmt.Errorf("the character %q is not allowed", c)
			}
		}
		parts, text = append(parts, macroPart{text: text[:length]}), text[length:]
	}
	return parts, nil
}

func isVisible(c byte) bool { return '!' <= c && c <= '~' }

// parseMacro parses the macro at the beginning of a text, and returns its length.
func parseMacro(text, allowed string) (part macroPart, length int, err error) {
	if len(text) < 2 {
		return part, 0, errPercent
	}
	switch text[1] {
	case '%':
		return macroPart{macro: true, text: "%"}, 2, nil
	case '_':
		return macroPart{macro: true, text: " "}, 2, nil
	case '-':
		return macroPart{macro: true, text: "%20"}, 2, nil
	case '{':
	default:
		return part, 0, errPercent
	}
	end := strings.IndexByte(text, '}')
	if end < 0 {
		return part, 0, errors.New("a macro has no closing brace")
	}
	part, ok := parseTransformers(text[2:end], allowed)
	if !ok {
		return part, 0, fmt.Errorf("%q is not a macro", shown(text[:end+1], maxQuoted))
	}
	part.macro = true
	return part, end + 1, nil
}

var errPercent = errors.New("a percent sign stands alone")

// parseTransformers parses what is between the braces of a macro.
func parseTransformers(body, allowed string) (part macroPart, ok bool) {
	if body == "" {
		return part, false
	}
	part.letter = lower(body[0])
	part.escape = part.letter != body[0]
	rest := body[1:]
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	for _, c := range []byte(rest[:digits]) {
		part.last = min(part.last*10+int(c-'0'), maxParts)
	}
	if digits > 0 && part.last == 0 {
		return part, false
	}
	rest = rest[digits:]
	if rest != "" && lower(rest[0]) == 'r' {
		part.reverse, rest = true, rest[1:]
	}
	part.delimiters = rest
	return part, strings.IndexByte(allowed, part.letter) >= 0 && strings.Trim(rest, macroDelimiters) == ""
}

// transform returns the value of the macro: with its parts chosen, reversed and escaped.
func (p *macroPart) transform(value string) string {
	if p.last > 0 || p.reverse || p.delimiters != "" {
		delimiters := p.delimiters
		if delimiters == "" {
			delimiters = "."
		}
		parts := splitAny(value, delimiters)
		if p.reverse {
			slices.Reverse(parts)
		}
		if p.last > 0 {
			parts = parts[max(0, len(parts)-p.last):]
		}
		value = strings.Join(parts, ".")
	}
	if p.escape {
		value = escaped(value)
	}
	return value
}

// splitAny splits a value at each of several characters. Parts may be empty.
func splitAny(value, delimiters string) []string {
	var parts []string
	for {
		i := strings.IndexAny(value, delimiters)
		if i < 0 {
			return append(parts, value)
		}
		parts, value = append(parts, value[:i]), value[i+1:]
	}
}

// escaped escapes all characters that are not unreserved in a URL (RFC 3986 section 2.3).
func escaped(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if isAlphaNum(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isAlpha(c byte) bool    { return 'a' <= lower(c) && lower(c) <= 'z' }
func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isAlphaNum(c byte) bool { return isAlpha(c) || isDigit(c) }

// lower changes only ASCII letters, as the DNS does.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
