package miltertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestPersonalities(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, p := range miltertest.Personalities() {
		assert.False(t, names[p.Name], p.Name)
		names[p.Name] = true
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, editor(), miltertest.Message(plain), miltertest.As(p))
			assert.Equal(t, []string{"yes", "twice"}, res.HeaderValues("X-Seen"))
			assert.Equal(t, "Fine.\r\n", res.Body())
		})
	}
	for _, name := range []string{
		"Postfix", "Postfix, version 2", "Sendmail", "Sendmail with SMFIP_MDS_256K", "Postfix without SMFIP_NR",
		"Sendmail without SMFIP_SKIP", "Postfix without SMFIP_HDR_LEADSPC", "Sendmail without SMFIF_SETSYMLIST",
		"Postfix, unknown bits, more in the offer",
	} {
		assert.True(t, names[name], name)
	}
}

func TestPersonalityOffers(t *testing.T) {
	t.Parallel()
	six, sendmail := mta.PostfixOffer(6), mta.SendmailOffer()
	tests := []struct {
		name string
		p    miltertest.Personality
		want mta.Offer
	}{
		{"Version", miltertest.Postfix().Version(3), mta.PostfixOffer(3)},
		{"Without", miltertest.Postfix().Without(wire.ProtoSkip), mta.Offer{Version: 6, Actions: six.Actions, Protocol: six.Protocol &^ wire.ProtoSkip}},
		{"Without, twice", miltertest.Plain().Version(4).Without(wire.ProtoNoData).Without(wire.ProtoNoHelo), mta.Offer{
			Version: 4, Actions: six.Actions, Protocol: mta.PostfixOffer(4).Protocol &^ (wire.ProtoNoData | wire.ProtoNoHelo),
		}},
		{"WithoutActions", miltertest.Sendmail().WithoutActions(wire.ActionChgBody), mta.Offer{
			Version: 6, Actions: sendmail.Actions &^ wire.ActionChgBody, Protocol: sendmail.Protocol,
		}},
		{"Offering", miltertest.Sendmail().Offering(wire.ProtoMDS1M), mta.Offer{
			Version: 6, Actions: sendmail.Actions, Protocol: sendmail.Protocol | wire.ProtoMDS1M,
		}},
		{"Offering, of a flavor alone", miltertest.Personality{MTA: mta.Config{Flavor: mta.Sendmail}}.Offering(wire.ProtoMDS1M), mta.Offer{
			Version: 6, Actions: sendmail.Actions, Protocol: sendmail.Protocol | wire.ProtoMDS1M,
		}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tt.p.MTA.Offer, tt.name)
	}
}

// A personality is a value: its methods do not change it.
func TestPersonalityWith(t *testing.T) {
	t.Parallel()
	p := miltertest.Postfix()
	odd := p.With(mta.NoBrackets).With(mta.HeloTwice, mta.BodyInEnd)
	assert.Equal(t, "Postfix, no angle brackets, HELO twice, a piece of the body at the end", odd.Name)
	assert.Equal(t, []miltertest.Quirk{mta.HeloTwice, mta.NoBrackets, mta.BodyInEnd}, odd.MTA.Quirks.List())
	assert.Equal(t, miltertest.Postfix(), p)
}
