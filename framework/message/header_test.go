package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestCleanHeaderValue(t *testing.T) {
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
		"cut behind a newline": {strings.Repeat("x", 64_099) + "\n y", strings.Repeat("x", 64_099)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := message.CleanHeaderValue(c.value)
			assert.Equal(t, c.want, got)
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
