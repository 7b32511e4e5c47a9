//go:build integration

package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// dataGuard refuses the first DATA and reports the recipients of the message.
type dataGuard struct{}

func (dataGuard) Name() string { return "data guard" }

func (dataGuard) Register(r *framework.Router) error {
	envelope, add := r.WantEnvelope(), r.GrantAddHeader()
	tries := framework.PerMessage[int](r)
	r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
		if *tries.Get(s)++; *tries.Get(s) == 1 {
			return framework.Reply(451, "4.7.1", "say that again")
		}
		return framework.Continue, nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-To", strings.Join(envelope.Recipients(s), "+"))
	})
	return nil
}

// TestDataAgain uses two milters, of which the second refuses DATA once. The
// message continues for both: the client adds a recipient and sends DATA again.
func TestDataAgain(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			first, second := openGate(t, mta, "tcp"), openGate(t, mta, "unix")
			mta.SetFilters(t, first.Addr(), second.Addr())
			d := new(diary)
			serveFilter(t, first, d)
			serveFilter(t, second, dataGuard{})
			c := dial(t, mta)
			for range 2 {
				mta.Sink().Reset()
				for _, step := range []struct {
					command string
					code    int
				}{
					{"MAIL FROM:<a@example.org>", 250}, {"RCPT TO:<b@example.test>", 250}, {"DATA", 451}, {"RCPT TO:<c@example.test>", 250},
				} {
					code, text := c.Cmd(step.command)
					assert.Equal(t, step.code, code, "%s: %s", step.command, text)
				}
				code, text := c.Data([]byte(simple))
				assert.Equal(t, 250, code, text)
				got := mta.Sink().Await(t, realmta.ToRecipient("b@example.test"))
				assert.Contains(t, string(got.Data), "\r\nX-To: b@example.test+c@example.test\r\n")
				assert.Contains(t, string(got.Data), "\r\nX-Diary: seen\r\n")
			}
			assert.Contains(t, d.text(), "mail, rcpt, data, rcpt, data, header, header, end of headers, body, end of message")
			assert.NotContains(t, d.text(), "close")
		})
	}
}
