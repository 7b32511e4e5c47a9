package message

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// Problems with the text of a header field.
var (
	// ErrUnknownCharset reports an encoded word in an unknown charset. The
	// result contains its bytes as UTF-8 or, if they are not, as Latin-1, so that
	// ASCII in them can be read.
	ErrUnknownCharset = errors.New("message: unknown charset in an encoded word")
	// ErrAmbiguousWord reports an encoded word that mail readers decode in
	// different ways: base64 that goes on behind its padding or has a character
	// too many, or a NUL, at which the text ends for some. The result contains
	// all that can be decoded.
	ErrAmbiguousWord = errors.New("message: an encoded word that readers decode differently")
	// ErrNotText reports a value with bytes that are not UTF-8, or an encoded
	// word with bytes that its charset does not have. A decoded value contains
	// U+FFFD instead of these bytes.
	ErrNotText = errors.New("message: invalid bytes in the value of a field")
	// ErrTooMuchEncoded reports a value that is longer, or has more encoded
	// words, than a [Decoder] decodes. A value that is too long is not decoded
	// at all. Otherwise the encoded words beyond the limit are unchanged.
	ErrTooMuchEncoded = errors.New("message: too many encoded words in the value of a field")
)

// Decode returns the value of a header field as readable text: unfolded, without
// surrounding space, and with its encoded words (RFC 2047) decoded. The value may
// be that of a framework.Header or a framework.Field.
//
// The result is valid UTF-8 without CR, LF and NUL, so that it can be the value
// of a field. An encoded line break or NUL becomes a space. The result may
// contain other control characters: middleware.Printable escapes them for a log
// or a terminal.
//
// If Decode returns an error, the result is still decoded as far as possible. Time and
// memory are proportional to the length of the value. Decode has the limits of a zero
// [Decoder].
//
// Malformed words are decoded as the mail readers do that are the most tolerant, so that a
// rule finds a text whatever reader shows it. This is so for words that RFC 2047 forbids,
// such as with white space in them or with text right before or behind them, for foreign
// bytes in base64, for codes without digits, for names of charsets in sloppy spelling, such
// as "utf_8", and for none. A word of which nothing can be decoded is left unchanged,
// without an error.
//
// All charsets that browsers and IANA know are supported, except UTF-7, which RFC 2047 does
// not allow in mail, and which can hide any text. Text in an unknown charset, in UTF-7, and
// in "unknown-8bit" and the like is read as UTF-8 or, if it is not, as Latin-1. UTF-16 and
// UTF-32 without a byte order mark are read as little-endian, as mail programs write them,
// and not as RFC 2781 says.
//
// A decoded value is for people, and for rules that look for words. It must not be
// parsed: =?utf-8?q?a=40b=2Ec=2C?= is decoded to "a@b.c,", which looks like an
// address but is part of a name.
func Decode(value string) (string, error) {
	return Decoder{}.Decode(value)
}

// Decoder decodes header values within limits. The zero value is ready to use.
type Decoder struct {
	// MaxValue is the maximum length in bytes of a value whose encoded words
	// are decoded. 0 means 128 KiB, which is more than MTAs accept.
	MaxValue int
	// MaxWords is the maximum number of encoded words of a value that are
	// decoded. The words after them are left unchanged. 0 means 1000.
	MaxWords int
}

// Decode is like the function [Decode]. For a value without encoded words, as most
// are, it only searches the value once.
func (d Decoder) Decode(value string) (string, error) {
	value = Unfold(value)
	if !hasWords(value) {
		return validText(value, nil)
	}
	if len(value) > cmp.Or(d.MaxValue, 128<<10) {
		return validText(value, ErrTooMuchEncoded)
	}
	w := wordWriter{value: value, left: cmp.Or(d.MaxWords, 1000)}
	for at := 0; at < len(value); {
		begin, word, ok := nextWord(value, at)
		w.plain(at, begin)
		if ok {
			w.word(begin, word)
		}
		at = begin + len(word.raw)
	}
	w.flush()
	return validText(w.text.String(), w.problem)
}

func hasWords(value string) bool { return strings.Contains(value, "=?") }

// UndecodedText returns a header value as text without decoding its encoded
// words: unfolded, without surrounding space, and as valid UTF-8. Use it for fields
// that cannot have encoded words, such as Message-ID. The only error is
// [ErrNotText]; the result is usable then, too.
func UndecodedText(value string) (string, error) {
	return validText(Unfold(value), nil)
}

// validText replaces invalid UTF-8 by U+FFFD, and CR, LF and NUL by spaces. It
// returns the given problem or, if there is none, its own.
func validText(value string, problem error) (string, error) {
	if !utf8.ValidString(value) {
		value, problem = strings.ToValidUTF8(value, "\ufffd"), cmp.Or(problem, ErrNotText)
	}
	return lex.OneLine(value), problem
}

// wordWriter writes the decoded text. It converts a run of adjacent encoded
// words in one charset as a whole, because many programs split a character over
// two words.
type wordWriter struct {
	value   string
	text    strings.Builder
	run     []byte // the bytes of the run's words
	charset string // of the run
	begin   int    // of the run, in the value
	end     int    // of the run's last word; space between encoded words is dropped
	left    int    // number of words that may still be decoded
	problem error
}

// plain writes the text between encoded words.
func (w *wordWriter) plain(begin, end int) {
	text := w.value[begin:end]
	if text == "" || w.end > w.begin && strings.Trim(text, " \t") == "" && end < len(w.value) {
		return
	}
	w.flush()
	w.text.WriteString(text)
}

// word adds an encoded word to the run, or writes it unchanged.
func (w *wordWriter) word(begin int, e encodedWord) {
	if w.left == 0 {
		w.problem = cmp.Or(w.problem, ErrTooMuchEncoded)
		w.unchanged(begin, e)
		return
	}
	w.left--
	content, differs := e.content()
	if differs {
		w.problem = cmp.Or(w.problem, ErrAmbiguousWord)
	}
	if w.end > w.begin && !strings.EqualFold(w.charset, e.charset) {
		w.flush()
	}
	if w.end == w.begin {
		w.begin = begin
	}
	w.run, w.charset, w.end = append(w.run, content...), e.charset, begin+len(e.raw)
}

// unchanged writes an encoded word without decoding it, with the space before it.
func (w *wordWriter) unchanged(begin int, e encodedWord) {
	space := w.end
	if w.end == w.begin {
		space = begin
	}
	w.flush()
	w.text.WriteString(w.value[space:begin])
	w.text.WriteString(e.raw)
}

// flush converts and writes the run, and starts a new one.
func (w *wordWriter) flush() {
	if w.end == w.begin {
		return
	}
	text, err := toUTF8(w.charset, w.run)
	w.problem = cmp.Or(w.problem, err)
	w.text.WriteString(text)
	w.run, w.begin, w.end = w.run[:0], 0, 0
}
