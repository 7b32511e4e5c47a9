package middleware

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"
)

// What keeps a value from being shown in full. They are found by errors.Is.
var (
	// ErrUnknownCharset: an encoded word is of a charset that is not known.
	// It is shown as it is.
	ErrUnknownCharset = errors.New("middleware: unknown charset in an encoded word")
	// ErrNotText: the value holds bytes that are not UTF-8, or an encoded
	// word bytes that its charset does not have. U+FFFD is shown for them.
	ErrNotText = errors.New("middleware: bytes in a header value that are no text")
	// ErrTooMuchEncoded: the value is longer, or has more encoded words,
	// than [NormalizeConfig] allows. What is beyond is shown as it is.
	ErrTooMuchEncoded = errors.New("middleware: more encoded words in a header value than are decoded")
)

// DecodeHeaderValue returns a header field's value, such as [framework.Header]
// and [framework.Field] have it, as text to be read: unfolded, without
// space around it, and with its encoded words (RFC 2047) decoded. What it returns
// is valid UTF-8 and has no CR, LF or NUL, not even an encoded one, which is
// shown as a space; it may stand in a field. Other control characters may be in it:
// for a log or a terminal see [Printable].
//
// With an error it returns what can be shown all the same. What is not quite an
// encoded word is shown as it is, and is no error. The time that it takes, and
// the memory, are proportional to the length of the value.
func DecodeHeaderValue(value string) (string, error) {
	return newDecoder(NormalizeConfig{}).decode(unfold(value))
}

// decoder decodes values within limits.
type decoder struct{ maxValue, maxWords int }

func newDecoder(cfg NormalizeConfig) *decoder {
	return &decoder{cmp.Or(cfg.MaxValue, 128<<10), cmp.Or(cfg.MaxWords, 1000)}
}

// decode decodes the words of an unfolded value. Most have none, and cost a
// search.
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

// validText makes a value text, without what ends a line, and returns the first
// problem.
func validText(value string, problem error) (string, error) {
	if !utf8.ValidString(value) {
		value, problem = strings.ToValidUTF8(value, "\ufffd"), cmp.Or(problem, ErrNotText)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		value = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\x00", " ").Replace(value)
	}
	return value, problem
}

// wordWriter puts the text together. The bytes of words that follow each other
// in one charset are converted together: many programs cut a character in two.
type wordWriter struct {
	value   string
	text    strings.Builder
	run     []byte // what the words say
	charset string // of the run
	begin   int    // the run in the value
	end     int    // behind its last word; space that follows is not shown before another word
	left    int    // words
	problem error
}

// plain takes what stands between words.
func (w *wordWriter) plain(begin, end int) {
	text := w.value[begin:end]
	if text == "" || w.end > w.begin && strings.Trim(text, " \t") == "" && end < len(w.value) {
		return
	}
	w.flush()
	w.text.WriteString(text)
}

func (w *wordWriter) word(begin int, e encodedWord) {
	if w.left == 0 {
		w.problem = cmp.Or(w.problem, ErrTooMuchEncoded)
		w.asIs(begin, e)
		return
	}
	w.left--
	content, ok := e.content()
	if !ok {
		w.asIs(begin, e)
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

// asIs shows a word that is not decoded, with the space before it.
func (w *wordWriter) asIs(begin int, e encodedWord) {
	space := w.end
	if w.end == w.begin {
		space = begin
	}
	w.flush()
	w.text.WriteString(w.value[space:begin])
	w.text.WriteString(e.raw)
}

// flush ends the run.
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
