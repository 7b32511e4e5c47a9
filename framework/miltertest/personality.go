package miltertest

import (
	"fmt"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Quirk is one way in which MTAs differ, such as [mta.NoBrackets]: see
// [mta.Quirk] for all of them.
type Quirk = mta.Quirk

// Personality is an MTA to play, under a name: what it offers, and a set of
// quirks. Its methods return one that differs; see [Personalities] for a list.
type Personality struct {
	Name string
	MTA  mta.Config
}

// Postfix returns a Postfix of today with its default settings.
func Postfix() Personality { return Personality{Name: "Postfix"} }

// Sendmail returns a Sendmail of today with its usual configuration.
func Sendmail() Personality {
	return Personality{Name: "Sendmail", MTA: mta.Config{Flavor: mta.Sendmail, Offer: mta.SendmailOffer()}}
}

// Plain returns an MTA without any quirk, to put single ones on.
func Plain() Personality {
	return Personality{Name: "Plain", MTA: mta.Config{Flavor: mta.Plain}}
}

// As says which MTA is played, as [MTA] does.
func As(p Personality) Option { return MTA(p.MTA) }

// With returns a personality that has more quirks.
func (p Personality) With(quirks ...Quirk) Personality {
	for _, q := range quirks {
		p.Name += ", " + q.String()
	}
	p.MTA.Quirks = p.MTA.Quirks.With(quirks...)
	return p
}

// Version returns a personality that speaks a version of the protocol from 2 to
// 6, as Postfix does with its parameter milter_protocol, and offers what that
// version has.
func (p Personality) Version(version uint32) Personality {
	p.Name = fmt.Sprintf("%s, version %d", p.Name, version)
	p.MTA.Offer = mta.PostfixOffer(version)
	return p
}

// Without returns a personality that does not offer the given protocol bits.
func (p Personality) Without(bits wire.Protocol) Personality {
	p.Name = fmt.Sprintf("%s without %v", p.Name, bits)
	p.MTA.Offer = p.offer()
	p.MTA.Offer.Protocol &^= bits
	return p
}

// WithoutActions returns a personality that does not offer the given actions.
// One that lacks [wire.ActionSetSymList] sends the macros of its own choice.
func (p Personality) WithoutActions(actions wire.Actions) Personality {
	p.Name = fmt.Sprintf("%s without %v", p.Name, actions)
	p.MTA.Offer = p.offer()
	p.MTA.Offer.Actions &^= actions
	return p
}

// Offering returns a personality that offers more protocol bits, such as
// [wire.ProtoMDS1M].
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

// NoReplyBits are all bits by which a filter says that it will not answer.
const NoReplyBits = wire.ProtoNRConn | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt | wire.ProtoNRData |
	wire.ProtoNRHdr | wire.ProtoNREOH | wire.ProtoNRBody | wire.ProtoNRUnkn

// Personalities returns the MTAs that a filter may meet: Postfix and Sendmail as
// they are, of older versions of the protocol, without each of the options that
// may be missing, and with what one may meet besides.
func Personalities() []Personality {
	list := []Personality{
		Postfix(), Postfix().Version(2), Postfix().Version(3), Postfix().Version(4), Sendmail(),
		Sendmail().Offering(wire.ProtoMDS256K), Sendmail().Offering(wire.ProtoMDS256K | wire.ProtoMDS1M),
	}
	for _, p := range []Personality{Postfix(), Sendmail()} {
		noReply := p.Without(NoReplyBits)
		noReply.Name = p.Name + " without SMFIP_NR"
		list = append(list, noReply,
			p.Without(wire.ProtoSkip), p.Without(wire.ProtoHdrLeadSpc), p.WithoutActions(wire.ActionSetSymList),
			p.With(mta.UnknownBits, mta.ExtraOffer), p.With(mta.HeloTwice), p.With(mta.ReusedConnection),
			p.With(mta.OddMacros, mta.StrayMacros), p.With(mta.NoBrackets), p.With(mta.BodyInEnd), p.With(mta.RejectedRcpt),
		)
	}
	return list
}
