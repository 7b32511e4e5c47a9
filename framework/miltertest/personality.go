package miltertest

import (
	"fmt"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Quirk is one behavior in which MTAs differ, such as [mta.NoBrackets]. See
// [mta.Quirk] for all of them.
type Quirk = mta.Quirk

// Personality is a named MTA to simulate: the options that it offers and its
// quirks. The methods return modified copies. See [Personalities] for the usual
// ones.
type Personality struct {
	Name string
	MTA  mta.Config
}

// Postfix returns a current Postfix with its default settings.
func Postfix() Personality { return Personality{Name: "Postfix"} }

// Sendmail returns a current Sendmail with its usual configuration.
func Sendmail() Personality {
	return Personality{Name: "Sendmail", MTA: mta.Config{Flavor: mta.Sendmail, Offer: mta.SendmailOffer()}}
}

// Plain returns an MTA without quirks. Add single quirks by [Personality.With].
func Plain() Personality {
	return Personality{Name: "Plain", MTA: mta.Config{Flavor: mta.Plain}}
}

// OtherPostfix returns a Postfix that the administrator gave another name: the
// macro v does not begin with "Postfix" (mail_name, milter_macro_v).
func OtherPostfix() Personality {
	p := Postfix().With(mta.OtherName)
	p.Name = "Postfix by another name"
	return p
}

// As selects the simulated MTA, as [MTA] does.
func As(p Personality) Option { return MTA(p.MTA) }

// With returns a copy of the personality with additional quirks.
func (p Personality) With(quirks ...Quirk) Personality {
	for _, q := range quirks {
		p.Name += ", " + q.String()
	}
	p.MTA.Quirks = p.MTA.Quirks.With(quirks...)
	return p
}

// Version returns a copy of the personality that offers the options of the
// given milter protocol version, from 2 to 6. Postfix selects the version with
// its parameter milter_protocol.
func (p Personality) Version(version uint32) Personality {
	p.Name = fmt.Sprintf("%s, version %d", p.Name, version)
	p.MTA.Offer = mta.PostfixOffer(version)
	return p
}

// Without returns a copy of the personality that does not offer the given
// protocol options.
func (p Personality) Without(bits wire.Protocol) Personality {
	p.Name = fmt.Sprintf("%s without %v", p.Name, bits)
	p.MTA.Offer = p.offer()
	p.MTA.Offer.Protocol &^= bits
	return p
}

// WithoutActions returns a copy of the personality that does not offer the
// given actions. Without [wire.ActionSetSymList] the filter cannot request
// macros, and the MTA sends its default ones.
func (p Personality) WithoutActions(actions wire.Actions) Personality {
	p.Name = fmt.Sprintf("%s without %v", p.Name, actions)
	p.MTA.Offer = p.offer()
	p.MTA.Offer.Actions &^= actions
	return p
}

// Offering returns a copy of the personality that offers additional protocol
// options, such as [wire.ProtoMDS1M].
func (p Personality) Offering(bits wire.Protocol) Personality {
	p.Name = fmt.Sprintf("%s with %v", p.Name, bits)
	p.MTA.Offer = p.offer()
	p.MTA.Offer.Protocol |= bits
	return p
}

func (p Personality) offer() mta.Offer {
	switch {
	case p.MTA.Offer != (mta.Offer{}):
		return p.MTA.Offer
	case p.MTA.Flavor == mta.Sendmail:
		return mta.SendmailOffer()
	default:
		return mta.PostfixOffer(wire.MaxVersion)
	}
}

// NoReplyBits contains the protocol options SMFIP_NR_*, by which a filter
// announces that it will not reply at a stage.
const NoReplyBits = wire.ProtoNRConn | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt | wire.ProtoNRData |
	wire.ProtoNRHdr | wire.ProtoNREOH | wire.ProtoNRBody | wire.ProtoNRUnkn

// Personalities returns the MTAs that a filter may meet: Postfix and Sendmail
// with their defaults, with older protocol versions, with each optional feature
// missing, under another name, and with the quirks that occur in practice.
func Personalities() []Personality {
	list := []Personality{
		Postfix(), OtherPostfix(), Postfix().Version(2), Postfix().Version(3), Postfix().Version(4), Sendmail(),
		Sendmail().Offering(wire.ProtoMDS256K), Sendmail().Offering(wire.ProtoMDS256K | wire.ProtoMDS1M),
	}
	for _, p := range []Personality{Postfix(), Sendmail()} {
		noReply := p.Without(NoReplyBits)
		noReply.Name = p.Name + " without SMFIP_NR"
		list = append(list, noReply,
			p.Without(wire.ProtoSkip), p.Without(wire.ProtoHdrLeadSpc), p.WithoutActions(wire.ActionSetSymList),
			p.With(mta.UnknownBits, mta.ExtraOffer), p.With(mta.HeloTwice), p.With(mta.ReusedConnection),
			p.With(mta.OddMacros, mta.StrayMacros), p.With(mta.NoBrackets), p.With(mta.BodyInEnd), p.With(mta.RejectedRcpt),
			p.With(mta.AcceptContinues),
		)
	}
	return list
}
