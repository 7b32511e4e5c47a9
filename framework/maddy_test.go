package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// The lines of new fields end with CRLF on the wire, because Maddy writes them as they are.
func TestNewFieldsOnMaddy(t *testing.T) {
	t.Parallel()
	filter := miltertest.FilterFunc("adder", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.InsertTop(s, "X-Two", "a\n b")
		})
		return nil
	})
	msg := miltertest.Message("Subject: hello\n\ntext\n")
	assert.Contains(t, miltertest.Run(t, filter, msg, miltertest.As(miltertest.Maddy())).Transcript, `"a\r\n b"`)
	assert.NotContains(t, miltertest.Run(t, filter, msg, miltertest.As(miltertest.Sendmail())).Transcript, `"a\r\n b"`)
	other := miltertest.Maddy()
	other.MTA.Quirks = other.MTA.Quirks.Without(mta.FixedMacros)
	assert.NotContains(t, miltertest.Run(t, filter, msg, miltertest.As(other)).Transcript, `"a\r\n b"`, "another server that offers as little")
}
