package dmarc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A relay that is in a network of this host passes on mail of strangers. If its Received field does
// not name the client, the message is evaluated all the same: a client can choose a HELO that makes
// the field unreadable.
func TestRelayInOwnNetwork(t *testing.T) {
	t.Parallel()
	for name, received := range map[string]string{
		"no field":           "",
		"an unreadable HELO": "Received: from a\"b (evil.example [198.51.100.7]) by relay.example.net\n",
		"another form":       "Received: from evil.example (198.51.100.7) by relay.example.net\n",
		"readable":           "Received: from evil.example (evil.example [198.51.100.7]) by relay.example.net\n",
	} {
		own := prefixes("192.0.2.0/24")
		f := filter(t, dmarc.Config{Networks: own, Actions: dmarc.Actions{Reject: dmarc.Reject}})
		sender, verifier := checkers(t, dns(t), own...)
		r := framework.NewRouter()
		for _, f := range []framework.Filter{sender, verifier, f} {
			r.Mount(f)
		}
		res := miltertest.RunRouter(t, r, miltertest.Message(received+"From: ann@reject.example\n\nx\n", miltertest.From("ann@reject.example")))
		require.NotNil(t, res)
		assert.Contains(t, res.Reply(), "550", name)
	}
}
