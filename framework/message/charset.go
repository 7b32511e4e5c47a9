package message

import "github.com/sluicemail/sluice/framework/message/internal/charset"

// DecodeText returns content in a charset, such as the one that a Content-Type names, as UTF-8, and
// reports whether the charset is known. Charsets are those of [Decode], and unknown ones are read
// as there. Bytes that are invalid in the charset become U+FFFD. Unlike Decode, it keeps line breaks
// and control characters.
func DecodeText(name string, content []byte) (text string, known bool) {
	return charset.ToUTF8(name, content)
}
