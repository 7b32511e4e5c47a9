package framework

import (
	"bytes"

	"github.com/sluicemail/sluice/framework/internal/headertwice"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/wire"
)

// Stalwart sends the whole message, header included, as the body. The framework removes
// that header again, so that filters measure, hash and replace the same body behind every
// MTA. It does so only for an MTA that is recognised as Stalwart: behind any other, a
// sender could hide the beginning of a body by repeating the header there. It cuts off only
// what came as fields, and names and values that are not UTF-8, which Stalwart never shows.
// If the header ends with a line that is no field, the body begins with that line, which did
// not come before: see [Session.BodyInDoubt]. Otherwise the header stays in the body: if it is
// not the one that came as fields, or if the fields were declined, which Stalwart does not
// offer by default.

// stalwartProtocol is all that Stalwart offers unless its administrator chose otherwise. No
// other MTA offers so little: others can at least omit CONNECT.
const stalwartProtocol = wire.ProtoNoHelo | wire.ProtoNoEOH

// offeredByStalwart reports whether an offer is that of Stalwart.
func offeredByStalwart(offer *wire.Negotiate) bool {
	return offer.Protocol == stalwartProtocol && !offer.Actions.Has(wire.ActionSetSymList)
}

// namedStalwart reports whether the macros of CONNECT name Stalwart, which no other MTA does
// unless its administrator chose that name.
func namedStalwart(macros []byte) bool {
	name, _ := wire.LookupMacro(macros, "daemon_name")
	return bytes.HasPrefix(name, []byte("Stalwart "))
}

// repeatedHeader recognises the header in front of the body, and counts what that takes.
type repeatedHeader struct {
	headertwice.Header
	memory spool.Reservation
}

func (r *repeatedHeader) reset() {
	r.Reset()
	r.memory.Release()
}
