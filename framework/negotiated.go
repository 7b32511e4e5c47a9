package framework

import "github.com/sluicemail/sluice/wire"

// negotiated is the result of the negotiation for a session. The session must keep to
// it, because the MTA takes an answer that it does not wait for as the answer to a later
// command.
type negotiated struct {
	wire.Negotiate
	silent    [numStages]bool // the MTA waits for no answer
	withheld  [numStages]bool // the MTA does not send the stage
	skip      bool            // SkipBody may be given
	leadSpace bool            // values have their leading space
	connect   string          // the macros that are requested for CONNECT, or ""
	recorded  wire.Protocol   // declines stages that the MTA sends for the recorder only
	limit     int             // the largest length that a frame of the MTA may announce
	stalwart  bool            // the MTA is Stalwart
	lacking   []lackingLane   // whose filters require what the MTA does not offer
	refusal   deferred        // the verdict on all mail, because of one of these lanes
}

// lackingLane is a lane whose filter requires actions that the MTA does not offer.
type lackingLane struct {
	lane    int
	missing wire.Actions
}

// shownValue returns a header value as filters see it: without the one leading space that
// the MTA sends if SMFIP_HDR_LEADSPC was negotiated.
func (n *negotiated) shownValue(value string) string {
	if n.leadSpace && value != "" && value[0] == ' ' {
		return value[1:]
	}
	return value
}

// wireSpace returns what the message has between the colon of a header field and the value
// that the MTA sends. Without SMFIP_HDR_LEADSPC it is a guess: the MTA removes one space if
// there is one.
func (n *negotiated) wireSpace() string {
	if n.leadSpace {
		return ""
	}
	return " "
}
