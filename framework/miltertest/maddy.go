package miltertest

import (
	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Maddy returns a Maddy. It grants new fields and quarantine only, and offers no protocol
// options, so that a filter gets every event. It sends the name of HELO as the host name,
// few macros, fields in one line, and no SMFIC_DATA. It puts new fields on top, and its
// own text into replies. [mta.Quirk] describes each of its ways.
//
// The framework hides that the lines of new fields must end with CRLF. It cannot hide the
// rest. The server refuses all mail if a filter requires another action than these, or leaves
// that filter out: see [framework.Optional]. So this personality is not in [Personalities].
// [TestFilter] checks that no handler fails.
//
// Maddy connects to the filter for each message anew. So call [Server.Dial] for each.
//
// One way is not simulated: a refusal before RCPT also refuses the later messages of the
// client's session.
func Maddy() Personality {
	p := Plain().With(
		mta.HeloAsHost, mta.FixedMacros, mta.OnlySMTPUTF8, mta.NoData, mta.LongFields, mta.UnfoldedFields, mta.TopFields,
		mta.OwnReplies, mta.NoAbortAfterVerdict, mta.AbortBeforeQuit, mta.LowerDomains,
	)
	p.Name = "Maddy"
	p.MTA.Offer = mta.Offer{Version: wire.MaxVersion, Actions: wire.ActionAddHdrs | wire.ActionQuarantine}
	return p
}

// onMaddy sends the messages from a Maddy, unless it does not grant what the filter requires.
// The answers may differ, but handlers must not fail.
func (s *suite) onMaddy(t T) {
	t.Helper()
	maddy := Maddy()
	if len(s.serve(t).Plan().Lacking(maddy.MTA.Offer.Actions)) > 0 {
		return
	}
	for _, msg := range s.msgs {
		elsewhere, here := s.answer(t, msg), s.answer(t, msg, As(maddy))
		if len(failures(elsewhere.srv)) == 0 {
			assert.Empty(t, failures(here.srv), "a handler failed on Maddy")
		}
	}
}
