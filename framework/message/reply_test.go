package message_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/printable"
	"github.com/sluicemail/sluice/wire"
)

// cleaned are texts as other servers, scanners and databases return them, each with the
// reply that an SMTP client then receives.
var cleaned = []struct {
	name   string
	code   int
	status string
	text   string
	want   string // the lines, separated by LF
}{
	{"plain", 550, "5.7.1", "no", "550 5.7.1 no"},
	{"several lines of another server", 550, "5.7.1", "blocked\r\nsee https://bl.example/1\r\n", "550-5.7.1 blocked\n550 5.7.1 see https://bl.example/1"},
	{"LF alone", 550, "5.7.1", "a\nb", "550-5.7.1 a\n550 5.7.1 b"},
	{"CR alone", 550, "5.7.1", "a\rb", "550-5.7.1 a\n550 5.7.1 b"},
	{"empty lines", 550, "5.7.1", "\r\n\r\na\r\n \r\n\r\nb", "550-5.7.1 a\n550 5.7.1 b"},
	{"a second reply inside", 550, "5.7.1", "no\r\n250 ok", "550-5.7.1 no\n550 5.7.1 250 ok"},
	{"one percent sign", 550, "5.7.1", "100% sure, %s", "550 5.7.1 100% sure, %s"},
	{"control characters", 550, "5.7.1", "a\x00b\x1b[31mc\x7f\td", "550 5.7.1 a b [31mc \td"},
	{"C1, bidi and line separators", 550, "5.7.1", "a\u009bb\u202ec\u2028d\u2066e", "550 5.7.1 a b c d e"},
	{"zero width, BOM and tags", 550, "5.7.1", "a\u200bb\ufeffc\U000e0041d\u2060e\u00adf", "550 5.7.1 a b c d e f"},
	{"invisible letters and marks", 550, "5.7.1", "a\u3164b\ufe0fc\u115fd", "550 5.7.1 a b c d"},
	{"spaces of other scripts", 550, "5.7.1", "a\u00a0b\u3000c", "550 5.7.1 a b c"},
	{"UTF-8", 550, "5.7.1", "Grüße, 郵便", "550 5.7.1 Grüße, 郵便"},
	{"Latin-1", 550, "5.7.1", "Gr\xfc\xdfe", "550 5.7.1 Gr?e"},
	{"empty", 550, "5.7.1", "", "550 5.7.1 "},
	{"white space alone", 550, "5.7.1", " \r\n ", "550 5.7.1 "},
	{"tabs alone", 550, "5.7.1", "\t", "550 5.7.1 "},
	{"tabs and spaces around lines", 550, "5.7.1", "\t \r\n\ta\tb \t\n \t", "550 5.7.1 a\tb"},
	{"invisible characters alone", 550, "5.7.1", "\u200b\ufeff\r\n\U000e0041", "550 5.7.1 "},
	{
		"tabs at the limit", 550, "5.7.1", strings.Repeat("x", 498) + "\t\t\t\ty",
		"550-5.7.1 " + strings.Repeat("x", 498) + "\n550 5.7.1 y",
	},
	{"no status", 550, "", "no", "550 no"},
	{"a status of another class", 550, "4.7.1", "no", "550 5.7.1 no"},
	{"a status of another class in the text", 550, "", "4.7.1 no", "550 5.0.0 4.7.1 no"},
	{"the same behind a status", 550, "5.7.1", "4.7.1 no", "550 5.7.1 4.7.1 no"},
	{"a temporary code with a permanent status", 451, "5.3.2", "later", "451 4.3.2 later"},
	{"text for a status", 550, "blocked", "no", "550 5.0.0 no"},
	{"a status with too large a number", 550, "5.7.1000", "no", "550 5.0.0 no"},
	{"an HTTP status for a code", 200, "", "no", "451 no"},
	{"no code, a permanent status", 0, "5.7.1", "no", "550 5.7.1 no"},
	{"no code, a temporary status", 0, "4.7.1", "no", "451 4.7.1 no"},
	{"a code with too many digits", 5501, "", "no", "451 no"},
	{"a negative code", -550, "5.1.1", "no", "550 5.1.1 no"},
	{"code 421", 421, "4.3.2", "closing", "421 4.3.2 closing"},
	{
		"600 bytes of words", 550, "5.7.1", strings.Repeat("spam ", 120),
		"550-5.7.1 " + strings.TrimSpace(strings.Repeat("spam ", 100)) + "\n550 5.7.1 " + strings.TrimSpace(strings.Repeat("spam ", 20)),
	},
	{
		"600 bytes without a space", 550, "5.7.1", strings.Repeat("x", 600),
		"550-5.7.1 " + strings.Repeat("x", 500) + "\n550 5.7.1 " + strings.Repeat("x", 100),
	},
	{
		"a character at the limit", 550, "5.7.1", strings.Repeat("x", 499) + "ü",
		"550-5.7.1 " + strings.Repeat("x", 499) + "\n550 5.7.1 ü",
	},
	{
		"exactly one line", 550, "5.7.1", strings.Repeat("x", 500), "550 5.7.1 " + strings.Repeat("x", 500),
	},
	{
		"600 bytes for which a status is added", 550, "", strings.Repeat("4", 600),
		"550-5.0.0 " + strings.Repeat("4", 500) + "\n550 5.0.0 " + strings.Repeat("4", 100),
	},
	{
		"40 lines", 550, "5.7.1", strings.Repeat("a\n", 40),
		strings.Repeat("550-5.7.1 a\n", 31) + "550 5.7.1 a",
	},
}

// A filter's refusal remains a refusal of the same class, whatever text it has.
func TestCleanReply(t *testing.T) {
	t.Parallel()
	for _, c := range cleaned {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			filter := miltertest.FilterFunc("refuses", func(r *framework.Router) error {
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					code, status, lines := message.CleanReply(c.code, c.status, c.text)
					return framework.Reply(code, status, lines...)
				})
				return nil
			})
			res := miltertest.Run(t, filter, miltertest.Message("From: a@example.org\n\nhi\n"))
			assert.Equal(t, c.want, res.Reply())
		})
	}
}

func TestCleanLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		most int
		want string
	}{
		"plain":                     {"a b", 10, "a b"},
		"empty":                     {"", 10, ""},
		"line ends alone":           {"\r\n\n\r", 10, ""},
		"lines":                     {"a\r\n\r\n b\nc", 10, "a b c"},
		"tabs alone":                {"\t\t", 10, ""},
		"tabs around lines":         {"\ta\t\n\tb\t", 10, "a b"},
		"invisible characters":      {"a\u200bb\ufeff\U000e0041", 10, "a b"},
		"control characters":        {"a\x00b\x1bc\u202ed", 10, "a b c d"},
		"not UTF-8":                 {"\xfca", 10, "?a"},
		"as long as it may be":      {"abc", 3, "abc"},
		"too long":                  {"abcd", 3, "abc"},
		"cut behind a space":        {"ab cd", 3, "ab"},
		"cut before a character":    {"abüd", 3, "ab"},
		"no room for any character": {"ü", 1, ""},
		"no room":                   {"abc", 0, ""},
		"too long, a lone percent":  {"100%", 3, "100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, message.CleanLine(c.text, c.most))
		})
	}
}

// FuzzCleanReply proves that framework.Reply accepts every result, that the class of a
// valid code and the printable text remain, and that cleaning twice changes nothing.
func FuzzCleanReply(f *testing.F) {
	for _, c := range cleaned {
		f.Add(c.code, c.status, c.text)
	}
	f.Fuzz(func(t *testing.T, code int, status, text string) {
		cleanCode, cleanStatus, lines := message.CleanReply(code, status, text)
		verdict, err := framework.Reply(cleanCode, cleanStatus, lines...)
		require.NoError(t, err)
		assert.Equal(t, cleanCode, verdict.Code())
		if code >= 400 && code <= 599 {
			assert.Equal(t, code, cleanCode)
		}
		reply, err := wire.NewSMTPReply(cleanCode, cleanStatus, lines...)
		require.NoError(t, err)
		for _, line := range lines {
			assert.NotEmpty(t, strings.TrimSpace(line))
			assert.Equal(t, strings.ReplaceAll(line, "\t", `\t`), printable.Text(line))
		}
		for _, line := range reply.Lines() {
			assert.LessOrEqual(t, len(line)+len("\r\n"), wire.MaxReplyLineLen)
			assert.True(t, utf8.ValidString(line))
			assert.Equal(t, strconv.Itoa(cleanCode), line[:3])
		}
		againCode, againStatus, again := message.CleanReply(cleanCode, cleanStatus, strings.Join(lines, "\r\n"))
		assert.Equal(t, cleanCode, againCode)
		assert.Equal(t, cleanStatus, againStatus)
		assert.True(t, slices.Equal(lines, again), "%q, then %q", lines, again)
		if len(lines) < wire.MaxReplyLines {
			assert.Equal(t, letters(strings.ToValidUTF8(text, "")), letters(strings.Join(lines, "")), "text was lost")
		}
	})
}

// letters returns the ASCII letters and digits of a text.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}
