package wire

// Actions is the set of changes that a filter may make to a message: the SMFIF_
// bits of mfapi.h. The MTA offers the changes that it allows, and the filter
// replies with those that it will use.
type Actions uint32

// The actions.
const (
	ActionAddHdrs    Actions = 1 << iota // SMFIF_ADDHDRS: add and insert header fields
	ActionChgBody                        // SMFIF_CHGBODY: replace the body
	ActionAddRcpt                        // SMFIF_ADDRCPT: add recipients
	ActionDelRcpt                        // SMFIF_DELRCPT: remove recipients
	ActionChgHdrs                        // SMFIF_CHGHDRS: change and delete header fields
	ActionQuarantine                     // SMFIF_QUARANTINE: hold the message
	ActionChgFrom                        // SMFIF_CHGFROM: change the envelope sender
	ActionAddRcptPar                     // SMFIF_ADDRCPT_PAR: add recipients with ESMTP arguments
	ActionSetSymList                     // SMFIF_SETSYMLIST: choose the macros that the MTA sends
)

// KnownActions holds every action that this package defines. An MTA may offer
// others. A filter must not include those in its reply.
const KnownActions = ActionSetSymList<<1 - 1

// Has reports whether all bits of other are in a.
func (a Actions) Has(other Actions) bool { return a&other == other }

// Names returns the C names of the bits, the lowest bit first. Unknown bits are
// combined into one hexadecimal number at the end.
func (a Actions) Names() []string {
	return bitNames(uint32(a), []bitName{
		{uint32(ActionAddHdrs), "SMFIF_ADDHDRS"},
		{uint32(ActionChgBody), "SMFIF_CHGBODY"},
		{uint32(ActionAddRcpt), "SMFIF_ADDRCPT"},
		{uint32(ActionDelRcpt), "SMFIF_DELRCPT"},
		{uint32(ActionChgHdrs), "SMFIF_CHGHDRS"},
		{uint32(ActionQuarantine), "SMFIF_QUARANTINE"},
		{uint32(ActionChgFrom), "SMFIF_CHGFROM"},
		{uint32(ActionAddRcptPar), "SMFIF_ADDRCPT_PAR"},
		{uint32(ActionSetSymList), "SMFIF_SETSYMLIST"},
	})
}

// String returns the C names joined by "|", or "0".
func (a Actions) String() string { return joinNames(a.Names()) }
