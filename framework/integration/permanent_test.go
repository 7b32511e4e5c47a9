//go:build integration

package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestPermanentRefusals checks that a client learns at once what no retry can mend, and
// that a refusal with any text remains permanent.
func TestPermanentRefusals(t *testing.T) {
	t.Parallel()
	atEnd := func(r *framework.Router, do func(s *framework.Session) (framework.Verdict, error)) {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return do(s) })
	}
	tests := map[string]struct {
		register func(r *framework.Router)
		code     int
		text     string
	}{
		"too many edits": {func(r *framework.Router) {
			add := r.GrantInsertHeader()
			atEnd(r, func(s *framework.Session) (v framework.Verdict, err error) {
				for err == nil {
					err = add.Insert(s, 0, "X", "y")
				}
				return v, err
			})
		}, 554, "5.3.4 message has too many header fields for the mail filter to change"},
		"a body over the limit": {func(r *framework.Router) {
			body := r.WantBody()
			atEnd(r, func(s *framework.Session) (v framework.Verdict, _ error) { _ = body.Size(s); return v, nil })
		}, 552, "5.3.4 message body too large for the mail filter"},
		"a new body over the limit": {func(r *framework.Router) {
			replace := r.GrantReplaceBody()
			atEnd(r, func(s *framework.Session) (v framework.Verdict, _ error) {
				return v, replace.ReplaceFrom(s, strings.NewReader(strings.Repeat("x", 2000)))
			})
		}, 552, "5.3.4 message body too large for the mail filter"},
		"a value that cannot be sent": {func(r *framework.Router) {
			add := r.GrantAddHeader()
			atEnd(r, func(s *framework.Session) (v framework.Verdict, _ error) { return v, add.Append(s, "X", "a\nb") })
		}, 554, "5.6.0 message cannot be processed by the mail filter"},
		"a text from elsewhere": {func(r *framework.Router) {
			atEnd(r, func(*framework.Session) (framework.Verdict, error) {
				code, status, lines := message.CleanReply(550, "4.7.1", "spam, 100% sure\r\n250 ok\x00\r\n"+strings.Repeat("%", 600))
				return framework.Reply(code, status, lines...)
			})
		}, 550, "5.7.1 spam, 100% sure"},
		"a text from elsewhere that was not cleaned": {func(r *framework.Router) {
			atEnd(r, func(*framework.Session) (framework.Verdict, error) {
				return framework.Reply(550, "5.7.1", "no\r\n250 ok")
			})
		}, 550, "5.7.1 no"},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "unix")
			for name, c := range tests {
				r := framework.NewRouter()
				c.register(r)
				cfg := quiet()
				cfg.MaxSpool = 1000
				g.serveConfig(t, r, cfg)
				data := "Subject: hello\r\n\r\n" + strings.Repeat("0123456789abcde\r\n", 100)
				code, text := dial(t, mta).Deliver(realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(data)})
				assert.Equal(t, c.code, code, name)
				assert.True(t, strings.HasPrefix(text, c.text), "%s: %s", name, text)
			}
		})
	}
}
