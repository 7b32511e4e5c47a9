package miltertest

import (
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Maddy returns a Maddy. It grants new fields and quarantine only, and offers no protocol
// options, so that a filter gets every event. It sends the name of HELO as the host name,
// few macros, fields in one line, and no SMFIC_DATA. It puts new fields on top, and its
// own text into replies. [mta.Quirk] describes each of its ways.
//
// A filter that needs another action than these does not negotiate, so this personality is
// not in [Personalities].
//
// Maddy connects to the filter for each message anew. So call [Server.Dial] for each.
func Maddy() Personality {
	p := Plain().With(
		mta.HeloAsHost, mta.FixedMacros, mta.OnlySMTPUTF8, mta.NoData, mta.LongFields, mta.UnfoldedFields, mta.TopFields,
		mta.OwnReplies, mta.NoAbortAfterVerdict, mta.AbortBeforeQuit,
	)
	p.Name = "Maddy"
	p.MTA.Offer = mta.Offer{Version: wire.MaxVersion, Actions: wire.ActionAddHdrs | wire.ActionQuarantine}
	return p
}
