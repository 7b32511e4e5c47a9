package mailauth_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A method whose filter fails, and whose lane fails open, is not one that found nothing: the message
// might pass with its result, and so DMARC cannot say that it fails.
func TestFailedLaneIsNoFail(t *testing.T) {
	t.Parallel()
	msg := signed(t, miltertest.Message("From: ann@good.example\nSubject: hello\n\nx\n"), "good.example")
	zone := keyZone(t, "good.example") + "_dmarc.good.example. TXT \"v=DMARC1; p=reject\"\n"
	for _, broken := range []string{"spf", "dkim"} {
		a, err := mailauth.New(mailauth.Config{
			Resolver: resolvertest.New(t, zone+"good.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"), AuthservID: "mx.example.net",
			DMARC: dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject}},
		})
		require.NoError(t, err)
		r := framework.NewRouter()
		a.Mount(r, framework.FailOpen(), framework.With(func(rt *framework.Route, next framework.Handler) framework.Handler {
			if rt.Filter() != broken || rt.Stage() != framework.StageEndOfMessage {
				return next
			}
			return func(*framework.Session, framework.Event) (framework.Verdict, error) {
				return framework.Continue, errors.New("broken")
			}
		}))
		m := *msg
		if broken == "spf" {
			m = *miltertest.Message("From: ann@good.example\nSubject: hello\n\nx\n", miltertest.From("ann@good.example"))
		}
		res := miltertest.RunRouter(t, r, &m)
		assert.NotContains(t, res.Reply(), "550", broken)
	}
}
