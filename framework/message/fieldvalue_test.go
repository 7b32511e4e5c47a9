package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestCleanFieldValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, want string }{
		"plain":                {"a b", "a b"},
		"empty":                {"", ""},
		"folded by LF":         {"a\n b\n\tc", "a\n b\n\tc"},
		"folded by CRLF":       {"a\r\n b", "a\n b"},
		"CR alone":             {"a\rb", "a b"},
		"NUL":                  {"a\x00b", "a b"},
		"CR before CRLF":       {"a\r\r\n b", "a \n b"},
		"a field of its own":   {"a\nBcc: x", "a\n Bcc: x"},
		"the end of a header":  {"a\n\nbody", "a\n body"},
		"a line of white":      {"a\n \t\n b", "a\n b"},
		"8-bit is left":        {"\xe4\xf6", "\xe4\xf6"},
		"begins with a break":  {"\n a", "\n a"},
		"too long":             {strings.Repeat("x", 70_000), strings.Repeat("x", 64_100)},
		"white at the end":     {"a\n ", "a"},
		"cut behind a newline": {strings.Repeat("x", 64_099) + "\n y", strings.Repeat("x", 64_099)},
		"cut behind a space":   {strings.Repeat("x", 64_098) + "\n y", strings.Repeat("x", 64_098)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := message.CleanFieldValue(c.value)
			assert.Equal(t, c.want, got)
			assert.Empty(t, message.FieldValueProblem(got))
			filter := miltertest.FilterFunc("adder", func(r *framework.Router) error {
				add := r.GrantAddHeader()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, add.Append(s, "X-Clean", got)
				})
				return nil
			})
			miltertest.Run(t, filter, miltertest.Message("From: a@example.org\n\nhi\n")).AssertAccepted(t)
		})
	}
}

func TestFieldValueProblem(t *testing.T) {
	t.Parallel()
	const (
		blank    = "has an empty line or a line of white space alone"
		unfolded = "has a line that does not begin with a space or a tab"
		control  = "contains NUL, or CR without LF"
	)
	for value, want := range map[string]string{
		"":                          "",
		"a b":                       "",
		" \t":                       "",
		"a\n b\r\n\tc":              "",
		"\n a":                      "",
		"a\nb":                      unfolded,
		"a\n b\nc":                  unfolded,
		"a\n":                       blank,
		"a\r\n\r\n b":               blank,
		"a\n \t\n b":                blank,
		"a\n b\n ":                  blank,
		"a\r\n\t\r\n b":             blank,
		"a\rb":                      control,
		"a\r\r\n b":                 control,
		"a\x00b":                    control,
		"a\n \x00":                  control,
		strings.Repeat("x", 64_100): "",
		strings.Repeat("x", 64_101): "is longer than 64100 bytes",
	} {
		assert.Equal(t, want, message.FieldValueProblem(value), "%.40q", value)
	}
}

// A clean value has no problem, and cleaning changes no value without one except
// for the ends of its lines.
func FuzzFieldValue(f *testing.F) {
	for _, value := range []string{"a", "a\n b", "a\r\n \t\r\nb", "\x00\r\n", "a\n\n", strings.Repeat("x", 64_099) + "\n  \n y"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		clean := message.CleanFieldValue(value)
		assert.Empty(t, message.FieldValueProblem(clean))
		assert.Equal(t, clean, message.CleanFieldValue(clean))
		if message.FieldValueProblem(value) == "" {
			assert.Equal(t, strings.ReplaceAll(value, "\r\n", "\n"), clean)
		}
	})
}
