package middleware

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"
)

// Errors of decoding a header value. The value is decoded as far as possible.
var (
	// ErrUnknownCharset reports an encoded word in an unknown charset. The
	// result contains the encoded word unchanged.
	ErrUnknownCharset = errors.New("middleware: unknown charset in an encoded word")
	// ErrNotText reports a value with bytes that are not UTF-8, or an encoded
	// word with bytes that its charset does not have. The result contains
	// U+FFFD instead of these bytes.
	ErrNotText = errors.New("middleware: invalid bytes in a header value")
	// ErrTooMuchEncoded reports a value that is longer, or has more encoded
	// words, than [NormalizeConfig] allows. A value that is too long is not
	// decoded at all. Otherwise the encoded words beyond the limit are
	// unchanged.
	ErrTooMuchEncoded = errors.New("middleware: too many encoded words in a header value")
)

// DecodeHeaderValue returns the value of a header field as readable text:
// unfolded, without surrounding space, and with its encoded words (RFC 2047)
// decoded. The value may be that of a [framework.Header] or a
// [framework.Field].
//
// The result is valid UTF-8 without CR, LF and NUL, so that it can be the value
// of a field. An encoded line break or NUL becomes a space. The result may
// contain other control characters: [Printable] escapes them for a log or a
// terminal.
//
// If DecodeHeaderValue returns an error, the result is still decoded as far as
// possible. A malformed encoded word is left unchanged, without an error. Time
// and memory are proportional to the length of the value.
func DecodeHeaderValue(value string) (string, error) {
	return newDecoder(NormalizeConfig{}).decode(unfold(value))
}

// decoder decodes values within the limits of a NormalizeConfig.
type decoder struct{ maxValue, maxWords int }

func newDecoder(cfg NormalizeConfig) *decoder {
	return &decoder{cmp.Or(cfg.MaxValue, 128<<10), cmp.Or(cfg.MaxWords, 1000)}
}

// decode decodes the encoded words of an unfolded value. For a value without
// encoded words, as most are, it only searches the value once.
func (d *decoder) decode(value string) (string, error) {
	if !hasWords(value) {
		return validText(value, nil)
	}
	if len(value) > d.maxValue {
		return validText(value, ErrTooMuchEncoded)
	}
	w := wordWriter{value: value, left: d.maxWords}
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

// unfold joins the lines of a value.
func unfold(value string) string {
	if strings.IndexByte(value, '\n') >= 0 {
		value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", ""), "\n", "")
	}
	return strings.Trim(value, " \t\r")
}

// validText replaces invalid UTF-8 by U+FFFD, and CR, LF and NUL by spaces. It
// returns the given problem or, if there is none, its own.
func validText(value string, problem error) (string, error) {
	if !utf8.ValidString(value) {
		value, problem = strings.ToValidUTF8(value, "\ufffd"), cmp.Or(problem, ErrNotText)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		value = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\x00", " ").Replace(value)
	}
	return value, problem
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
	content, ok := e.content()
	if !ok {
		w.unchanged(begin, e)
		return
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
	if errors.Is(err, ErrUnknownCharset) {
		text = w.value[w.begin:w.end]
	}
	w.problem = cmp.Or(w.problem, err)
	w.text.WriteString(text)
	w.run, w.begin, w.end = w.run[:0], 0, 0
}
