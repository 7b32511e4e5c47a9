package framework_test

import (
	"strings"
	"testing"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A message that is to be held is held, whatever text the reason is.
func TestQuarantineReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ filter, reason, want string }{
		"plain":                   {"scan", "looks odd", "looks odd"},
		"two lines":               {"scan", "looks odd\r\nvery", "looks odd very"},
		"NUL and escapes":         {"scan", "a\x00b\x1b[1m", "a b [1m"},
		"not UTF-8":               {"scan", "Gr\xfc\xdfe", "Gr?e"},
		"longer than a packet":    {"scan", strings.Repeat("x", 70_000), strings.Repeat("x", 4096)},
		"empty":                   {"scan", "", "scan"},
		"white space alone":       {"scan", " \r\n", "scan"},
		"empty, of an odd filter": {"\x01", "", "held by a mail filter"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			miltertest.Run(t, miltertest.FilterFunc(c.filter, func(r *framework.Router) error {
				hold := r.GrantQuarantine()
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, hold.Quarantine(s, c.reason)
				})
				return nil
			}), miltertest.Message("A: b\n\nhello\n")).AssertQuarantined(t, c.want)
		})
	}
}
