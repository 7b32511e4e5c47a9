package miltertest

import (
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Stalwart returns a Stalwart. It offers to omit HELO and the end of the header only, sends
// few macros and no ESMTP arguments, takes SMFIR_ACCEPT for SMFIR_CONTINUE, and sends the
// header in front of the body too. [mta.Quirk] describes each of its ways.
//
// The framework hides what it can hide: filters see the body alone, whole messages end as
// they decided, and the lines of new fields end as they must. It cannot hide that there is
// no queue ID, that a field that is not UTF-8 has no value, that quarantine does not hold,
// and that a refused recipient refuses the message. So this personality is not in
// [Personalities]. [TestFilter] checks what the framework hides.
//
// One way is not simulated: Stalwart puts each new field at the top, or above a field of the
// same name.
func Stalwart() Personality {
	p := mutedStalwart().With(hiddenQuirks()...)
	p.Name = "Stalwart"
	return p
}

// hiddenQuirks returns the ways of Stalwart that the framework hides from filters.
func hiddenQuirks() []Quirk {
	return []Quirk{mta.AcceptContinues, mta.HeaderInBody}
}

// mutedStalwart returns a Stalwart without the ways that the framework hides.
func mutedStalwart() Personality {
	p := Plain().With(mta.Unnegotiated, mta.LongFields, mta.RawFields, mta.NoArguments, mta.FewMacros, mta.QuarantineField, mta.RefusesForAll)
	p.Name = "Stalwart without what the framework hides"
	p.MTA.Offer = mta.Offer{
		Version: wire.MaxVersion, Actions: wire.KnownActions &^ wire.ActionSetSymList,
		Protocol: wire.ProtoNoHelo | wire.ProtoNoEOH,
	}
	return p
}

// onStalwart compares the answers on Stalwart with those on an MTA without the ways that the
// framework hides.
func (s *suite) onStalwart(t T) {
	t.Helper()
	s.equalAll(t, s.answers(t, As(mutedStalwart())), s.answers(t, As(Stalwart())),
		"the answer on Stalwart differs from the answer on an MTA that ends a message with an accept, and sends the header once")
}
