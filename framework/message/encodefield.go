package message

import "unicode/utf8"

// EncodeField returns the value of the field with the name with encoded words (RFC 2047)
// where such a field has them: as [EncodeText] or [EncodeAddresses] does, by the form that
// [FormOf] tells. The value of a structured field is only unfolded, because it cannot have
// encoded words; if it is not ASCII, it stays so. Fold the result with [Fold].
//
// If the value is not valid UTF-8, EncodeField returns it unchanged with [ErrNotText], for
// the reason that EncodeText gives.
func EncodeField(name, value string) (string, error) {
	switch FormOf(name) {
	case FormPhrases:
		return EncodeAddresses(value)
	case FormStructured:
		if !utf8.ValidString(value) {
			return value, ErrNotText
		}
		return Unfold(value), nil
	default:
		return EncodeText(value)
	}
}
