package message_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
)

func TestEncodeText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want string
		err        error
	}{
		"empty":                     {"", "", nil},
		"ASCII":                     {"hello,  \tworld (x) =", "hello,  \tworld (x) =", nil},
		"folded":                    {" a\r\n b\n\tü ", "a b\t=?utf-8?q?=C3=BC?=", nil},
		"one word":                  {"grüße", "=?utf-8?q?gr=C3=BC=C3=9Fe?=", nil},
		"words that need it":        {"viele grüße aus Köln", "viele =?utf-8?q?gr=C3=BC=C3=9Fe?= aus =?utf-8?q?K=C3=B6ln?=", nil},
		"two in a row":              {"ä ö", "=?utf-8?q?=C3=A4_=C3=B6?=", nil},
		"spaces in a row":           {"a  ä \t ö  b", "a  =?utf-8?q?=C3=A4_=09_=C3=B6?=  b", nil},
		"characters of the code":    {"ü=?_\x7f", "=?utf-8?q?=C3=BC=3D=3F=5F=7F?=", nil},
		"an encoded word":           {"=?utf-8?Q?gr=C3=BC=C3=9Fe?= von Köln", "=?utf-8?Q?gr=C3=BC=C3=9Fe?= von =?utf-8?q?K=C3=B6ln?=", nil},
		"encoded words alone":       {"=?utf-8?q?a?= =?iso-8859-1?b?5A?=", "=?utf-8?q?a?= =?iso-8859-1?b?5A?=", nil},
		"before a word":             {"ü =?utf-8?q?a?=", "=?utf-8?q?=C3=BC_?= =?utf-8?q?a?=", nil},
		"behind a word":             {"=?utf-8?q?a?=  ü", "=?utf-8?q?a?= =?utf-8?q?__=C3=BC?=", nil},
		"between words":             {"=?utf-8?q?a?= ü =?utf-8?q?b?=", "=?utf-8?q?a?= =?utf-8?q?_=C3=BC_?= =?utf-8?q?b?=", nil},
		"glued to words":            {"=?utf-8?q?a?=ü=?utf-8?q?b?=", "=?utf-8?q?a?= =?utf-8?q?=C3=BC?= =?utf-8?q?b?=", nil},
		"ASCII glued to a word":     {"x=?utf-8?q?a?=, y ü", "x=?utf-8?q?a?=, y =?utf-8?q?=C3=BC?=", nil},
		"a sloppy word":             {"=?utf-8?q?a b?= ü", "=?utf-8?q?a b?= =?utf-8?q?_=C3=BC?=", nil},
		"raw text in a word":        {"x=?utf-8?q?=C3=BC ö?=y z", "=?utf-8?q?x=C3=BC_=C3=B6y?= z", nil},
		"raw in one of two":         {"=?utf-8?q?=C3?= =?utf-8?q?=BCö?=", "=?utf-8?q?=C3=BC=C3=B6?=", nil},
		"raw, in no charset":        {"=?x-mine?q?ü?= a", "=?utf-8?q?=3D=3Fx-mine=3Fq=3F=C3=BC=3F=3D?= a", nil},
		"an unknown charset":        {"=?x-mine?q?a?= ü", "=?x-mine?q?a?= =?utf-8?q?_=C3=BC?=", nil},
		"a word encoded badly":      {"=?utf-8?q?=zz?= ü", "=?utf-8?q?=zz?= =?utf-8?q?_=C3=BC?=", nil},
		"only the begin of a word":  {"=?utf-8?q?a ü", "=?utf-8?q?a =?utf-8?q?=C3=BC?=", nil},
		"NUL and CR":                {"a\x00b c\rd", "=?utf-8?q?a=00b_c=0Dd?=", nil},
		"Latin-1":                   {"gr\xfc\xdfe", "gr\xfc\xdfe", message.ErrNotText},
		"Latin-1 and UTF-8, folded": {"\xfc\n ü ", "\xfc\n ü ", message.ErrNotText},
		"75 bytes":                  {strings.Repeat("ü", 10) + "abc", "=?utf-8?q?" + strings.Repeat("=C3=BC", 10) + "abc?=", nil},
		"76 bytes": {
			strings.Repeat("ü", 10) + "abcd", "=?utf-8?q?" + strings.Repeat("=C3=BC", 10) + "abc?= =?utf-8?q?d?=", nil,
		},
		"no character cut": {
			strings.Repeat("ü", 10) + "\U0001F4E7", "=?utf-8?q?" + strings.Repeat("=C3=BC", 10) + "?= =?utf-8?q?=F0=9F=93=A7?=", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := message.EncodeText(c.text)
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
			if before, err := message.Decode(c.text); err == nil { // an unknown charset is a guess
				after, _ := message.Decode(got)
				assert.Equal(t, before, after)
			}
			again, _ := message.EncodeText(got)
			assert.Equal(t, got, again, "nothing is encoded twice")
		})
	}
}

func TestEncodeField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field, value, want string
		err                error
	}{
		"text":                {"Subject", "Müller, J (ö)", "=?utf-8?q?M=C3=BCller,?= J =?utf-8?q?(=C3=B6)?=", nil},
		"unknown":             {"X-Any", "ü <a@b>", "=?utf-8?q?=C3=BC?= <a@b>", nil},
		"phrases":             {"from", "Jörg <a@b>, ü@b", "=?utf-8?q?J=C3=B6rg?= <a@b>, ü@b", nil},
		"resent":              {"Resent-To", "Jörg <a@b>", "=?utf-8?q?J=C3=B6rg?= <a@b>", nil},
		"structured":          {"Message-ID", "<a@b>\n\t(ü) ", "<a@b>\t(ü)", nil},
		"structured, Latin-1": {"Message-ID", "<\xfc@b>\n ", "<\xfc@b>\n ", message.ErrNotText},
		"text, Latin-1":       {"Subject", "\xfc", "\xfc", message.ErrNotText},
		"phrases, Latin-1":    {"To", "\xfc <a@b>", "\xfc <a@b>", message.ErrNotText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := message.EncodeField(c.field, c.value)
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
		})
	}
}

// encodable are texts of the shapes that mail has, for the fuzz functions.
var encodable = []string{
	"a", "grüße aus Köln", "=?utf-8?q?a?= ü =?utf-8?q?b?=", "=?utf-8?q?a b?=ü", "=?utf-8?q?ü?= x", "=?=?utf-8?q?a?= ä", "Ann <ü@b> (ö)",
	"\xfc", strings.Repeat("ü", 100), "a\n \tü", "=?x-mine?q?ü?= =?utf-8?q?=C3?=", "=?utf-8?b?!?= \U0001F4E7",
}

// Encoded text is in ASCII, and readers show it as the text.
func FuzzEncodeText(f *testing.F) {
	for _, text := range encodable {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := message.EncodeText(text)
		assert.Equal(t, utf8.ValidString(message.Unfold(text)), err == nil)
		if err != nil {
			assert.Equal(t, text, got)
			return
		}
		assert.Regexp(t, `^[\t -~]*$`, got)
		d := message.Decoder{MaxValue: 1 << 30, MaxWords: 1 << 30}
		before, problem := message.Decode(text)
		after, _ := d.Decode(got)
		if problem == nil { // a NUL at an end is read as a space there
			assert.Equal(t, strings.Trim(before, " "), strings.Trim(after, " "))
		}
		for piece := range strings.FieldsSeq(got) {
			assert.True(t, len(piece) <= 75 || strings.Contains(text, piece), piece)
		}
	})
}

// Hostile text is encoded in linear time. The time is that of the test: see costly.
func TestEncodeBombs(t *testing.T) {
	t.Parallel()
	fill := func(s string) string { return strings.Repeat(s, costly()/len(s)) }
	values := bombs(costly())
	for name, s := range map[string]string{
		"raw words": "ü ", "raw text": "ü", "parentheses": "(", "pairs": "((ü) ", "quotes": `"`, "angles": "<ü", "backslashes": `(\`, "addresses": "ü <a@b>,",
		"units": `"ü"a`, "literals": "ü@[", "glued words": "ü=?utf-8?q?a?=", "sloppy words": "=?utf-8?q?ü?= ", "unfit words": "=?u?q?a,b?= ü",
	} {
		values[name] = fill(s)
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, encode := range []func(string) (string, error){message.EncodeText, message.EncodeAddresses} {
				got, _ := encode("ü" + value)
				assert.LessOrEqual(t, len(got), 16*len(value))
			}
			_, _ = message.Prefix(value, "[ü]"), message.Suffix(value, "[ü]")
			_, _ = message.Fold("Subject", value), message.Unfold(value)
		})
	}
}
