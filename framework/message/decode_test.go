package message_test

import (
	"encoding/base64"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/race"
	"github.com/sluicemail/sluice/framework/message"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value, want string
		err         error
	}{
		"plain":                   {"hello, world", "hello, world", nil},
		"UTF-8 as it is":          {"größe 日本", "größe 日本", nil},
		"folded":                  {"one\n two\n\tthree ", "one two\tthree", nil},
		"folded with CRLF":        {" one\r\n two", "one two", nil},
		"Q":                       {"=?utf-8?q?gr=C3=BC=c3=9fe_an?= alle", "grüße an alle", nil},
		"B":                       {"=?UTF-8?B?Z3LDvMOfZQ==?=", "grüße", nil},
		"B without padding":       {"=?UTF-8?b?Z3LDvMOfZQ?=", "grüße", nil},
		"Latin-1":                 {"=?iso-8859-1?Q?gr=FC=DFe?=", "grüße", nil},
		"Windows by its alias":    {"=?cp1252?Q?=80?=", "€", nil},
		"Shift JIS":               {"=?shift_jis?B?k/qWew==?=", "日本", nil},
		"ISO-2022-JP":             {"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本", nil},
		"GB2312":                  {"=?gb2312?B?1tDOxA==?=", "中文", nil},
		"Big5":                    {"=?big5?B?pKSk5Q==?=", "中文", nil},
		"HZ":                      {"=?HZ-GB-2312?Q?~{VPND~}?=", "中文", nil},
		"KOI8":                    {"=?koi8-r?Q?=CD=C9=D2?=", "мир", nil},
		"a language":              {"=?utf-8*de?q?ja?=", "ja", nil},
		"space between words":     {"=?utf-8?q?a?= \t =?utf-8?q?b?=", "ab", nil},
		"space and folds between": {"=?utf-8?q?a?=\n =?iso-8859-1?q?b?=", "ab", nil},
		"space around text":       {"x =?utf-8?q?a?= y =?utf-8?q?b?= z", "x a y b z", nil},
		"words without space":     {"=?utf-8?q?a?==?utf-8?q?b?=", "ab", nil},
		"a character cut in two":  {"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü", nil},
		"cut over B and Q":        {"=?utf-8?b?5pel?= =?UTF-8?q?=E6=9C?= =?utf-8?q?=AC?=", "日本", nil},
		"spaces in a word":        {"=?utf-8?q?a b?=", "a b", nil},
		"an empty word":           {"a =?utf-8?q??= b", "a  b", nil},
		"encoded line ends":       {"=?utf-8?q?a=0D=0ABcc:_x=00y=0A?=", "a Bcc: x y ", message.ErrAmbiguousWord},
		"unknown charset":         {"=?x-klingon?q?a?= =?utf-8?q?b?=", "ab", message.ErrUnknownCharset},
		"NUL in UTF-16":           {"=?utf-16?q?a=00=00=00?=", "a ", message.ErrAmbiguousWord},
		"UTF-16 in two words":     {"=?utf-16?b?/v8A/AA=?= =?utf-16?b?8g==?=", "üò", nil},
		"UTF-16 without a mark":   {"=?utf-16?q?=FC=00a=00?=", "üa", nil},
		"UTF-7":                   {"=?utf-7?q?+AGE-?=", "+AGE-", message.ErrUnknownCharset},
		"bytes that are no text":  {"=?utf-8?q?=FF?=", "\ufffd", message.ErrNotText},
		"half of Shift JIS":       {"=?shift_jis?B?kw==?=", "\ufffd", message.ErrNotText},
		"raw Latin-1":             {"gr\xfc\xdfe", "gr\ufffde", message.ErrNotText},
		"raw, before a word":      {"\xfc =?utf-8?q?a?=", "\ufffd a", message.ErrNotText},
		"NUL":                     {"a\x00b", "a b", nil},
		"no base64":               {"=?utf-8?b?!?= x", "=?utf-8?b?!?= x", nil},
		"no hexadecimal":          {"=?utf-8?q?=GG=70ay?=", "=GGpay", nil},
		"half hexadecimal":        {"=?utf-8?q?=A?=", "=A", nil},
		"no such encoding":        {"=?utf-8?x?a?=", "=?utf-8?x?a?=", nil},
		"a bad word after a good": {"=?utf-8?q?a?= =?utf-8?q?=?=", "a=", nil},
		"not the end":             {"=?utf-8?q?abc", "=?utf-8?q?abc", nil},
		"no charset":              {"=??q?a?=", "a", nil},
		"no charset, not UTF-8":   {"=??q?=E4?=", "ä", nil},
		"space in a charset":      {"=?utf-8 ?q?a?= =?iso 8859 1?q?=E4?=", "aä", nil},
		"sloppy charsets":         {"=?UTF_8?q?=C3=A4?= =?iso_8859_1?q?=E4?= =?Shift-JIS?b?k/o=?=", "ää日", nil},
		"charset without hyphens": {"=?latin-1?q?=E4?= =?utf 8?q?=C3=A4?= =?cp65001?q?=C3=A4?=", "äää", nil},
		"charset not told":        {"=?unknown-8bit?q?=E4?= =?x-unknown?q?=C3=A4?=", "ää", nil},
		"unknown, not UTF-8":      {"=?x-klingon?q?=E4_pay?=", "ä pay", message.ErrUnknownCharset},
		"ISO-2022-KR":             {"=?iso-2022-kr?q?pay=2Eexe?=", "pay.exe", message.ErrUnknownCharset},
		"UTF-32":                  {"=?utf-32le?q?a=00=00=00?= =?utf-32be?q?=00=00=00b?= =?utf-32?q?c=00=00=00?=", "abc", nil},
		"foreign byte in base64":  {"=?utf-8?b?cG.F5?=", "pay", nil},
		"tab in base64":           {"=?utf-8?b?cG\tF5?=", "pay", nil},
		"question mark in base64": {"=?utf-8?b?cG?F5?=", "pay", nil},
		"behind the padding":      {"=?utf-8?b?cA==YXk=?=", "pay", message.ErrAmbiguousWord},
		"a character too many":    {"=?utf-8?b?cGF5c?=", "pay", message.ErrAmbiguousWord},
		"no base64, but padding":  {"=?utf-8?b?c=G=?=", "=?utf-8?b?c=G=?=", nil},
		"question marks in Q":     {"=?utf-8?q?who?_you?=", "who? you", nil},
		"a word in a word":        {"=?utf-8?q?who?_=?utf-8?q?=70ay?=", "=?utf-8?q?who?_pay", nil},
		"just begun":              {"a =?", "a =?", nil},
		"begun twice":             {"=?=?utf-8?q?a?=", "=?a", nil},
		"empty":                   {"", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := message.Decode(c.value)
			assert.Equal(t, c.want, got)
			assert.ErrorIs(t, err, c.err)
		})
	}
}

// costly is the length in bytes of a value with which code whose work grows with the
// square of the length would take many minutes, and exceed the time of the test. Code
// whose work is linear takes a fraction of a second. So no time is compared.
func costly() int {
	if race.Enabled {
		return 128 << 10 // each step takes longer
	}
	return 2 << 20
}

// bombs returns values of about a number of bytes that are meant to cost time or memory.
func bombs(size int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return map[string]string{
		"text":                    fill("x"),
		"begins without end":      fill("=?"),
		"words without end":       fill("=?u?q?"),
		"a bad byte at the end":   fill("=?u?q?=41") + "=\x01?=",
		"words":                   fill("=?utf-8?q?=C3=BC?= "),
		"words in turns":          fill("=?utf-8?q?a?= =?latin1?q?b?= "),
		"one long word":           "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(fill("ü"))) + "?=",
		"5000 words":              strings.Repeat("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\n ", 5000),
		"5000 unknown":            strings.Repeat("=?klingon?q?a?= ", 5000),
		"folds":                   fill("\n "),
		"bytes that are no text":  fill("\xff"),
		"charset without end":     "=?" + fill("x"),
		"carriage returns":        fill("\r"),
		"questions":               fill("?="),
		"questions in words":      fill("=?u?q?x?"),
		"questions in a word":     "=?u?q?" + fill("x?") + "?=",
		"padding":                 "=?u?b?" + fill("AA=") + "?=",
		"no base64":               fill("=?u?b?.=.?="),
		"many spellings":          fill("=?x_y z-a?q?a?= "),
		"a word of nothing but =": "=?utf-8?q?" + fill("=") + "?=",
	}
}

// Hostile values are decoded in linear time and memory, also without the limits of a
// decoder. The memory is counted, and the time is that of the test: see costly.
//
//nolint:paralleltest // memory is counted for the whole process
func TestHeaderBombs(t *testing.T) {
	for limits, d := range map[string]message.Decoder{"limited": {}, "unlimited": {MaxValue: 1 << 30, MaxWords: 1 << 30}} {
		for name, value := range bombs(costly()) {
			t.Run(limits+"/"+name, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				got, _ := d.Decode(value)
				runtime.ReadMemStats(&after)
				assert.LessOrEqual(t, len(got), 3*len(value))
				assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*len(value)))
				assert.True(t, utf8.ValidString(got))
			})
		}
	}
}

func TestHeaderLimits(t *testing.T) {
	t.Parallel()
	word := "=?utf-8?q?a?="
	long := strings.Repeat("x", 128<<10) + word
	got, err := message.Decode(long)
	assert.Equal(t, long, got)
	require.ErrorIs(t, err, message.ErrTooMuchEncoded)
	got, err = message.Decode(strings.Repeat(word+" ", 1002))
	assert.Equal(t, strings.Repeat("a", 1000)+" "+word+" "+word, got)
	assert.ErrorIs(t, err, message.ErrTooMuchEncoded)
}

func FuzzDecode(f *testing.F) {
	f.Add("=?utf-8?q?a?= =?iso-2022-jp?b?GyRC?=\n x\xff")
	f.Add("=?utf-16?b?/v8A?==?gb18030?q?=84?=")
	f.Fuzz(func(t *testing.T, value string) {
		got, _ := message.Decode(value)
		assert.True(t, utf8.ValidString(got), "%q", got)
		assert.False(t, strings.ContainsAny(got, "\r\n\x00"), "%q", got)
		assert.LessOrEqual(t, len(got), 4*len(value)+8)
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, value := range map[string]string{
		"plain": "Re: the meeting of next week", "word": "=?utf-8?q?gr=C3=BC=C3=9Fe?= to all",
		"Latin-1": "=?iso-8859-1?q?gr=FC=DFe?= to all",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = message.Decode(value)
			}
		})
	}
}
