package framework

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire"
)

// recognition is what the traffic of an MTA has shown about its kind. It lasts as long as
// the connection. Both kinds offer the same bits in the negotiation, so CONNECT is the
// first event that can tell them apart.
//
// An administrator of Postfix chooses the value of the macro v, with mail_name or
// milter_macro_v, so v can show Postfix, but never rule it out. docs/protocol.md names the
// test that shows each sign.
type recognition struct {
	kind mtaKind
	sure bool // further lists of macros do not change the kind
}

type mtaKind uint8

const (
	// mtaUnknown is treated as Sendmail, because that is less harmful if it is wrong:
	// Sendmail and Stalwart drop a filter that sends SMFIR_PROGRESS early. Other MTAs stay
	// unknown until the header, as Stalwart does, or have if_name, as Maddy does.
	mtaUnknown mtaKind = iota
	mtaPostfix
	mtaSendmail
)

// sendmailTime is a macro that Sendmail has at every stage, and sends if a filter requests
// it. Postfix does not have it.
const sendmailTime = "t"

// postfix reports whether the MTA is known to be Postfix.
func (r *recognition) postfix() bool { return r.kind == mtaPostfix }

// counting returns how the MTA counts header fields.
func (r *recognition) counting() ledger.MTA {
	if r.postfix() {
		return ledger.Postfix
	}
	return ledger.Sendmail
}

// list learns from a list of macros. requested are the names that were requested for the
// stage, or "" if none were. An administrator of Sendmail can choose the list of each stage
// for which none were, so such a list shows Postfix only by what Sendmail does not have.
func (r *recognition) list(stage Stage, raw []byte, requested string) {
	if r.sure {
		return
	}
	has := func(name string) bool {
		_, ok := wire.LookupMacro(raw, name)
		return ok
	}
	switch v, _ := wire.LookupMacro(raw, "v"); {
	case stage == StageHeader, stage == StageBody: // Sendmail sends no macros here
		*r = recognition{mtaPostfix, true}
	case bytes.HasPrefix(v, []byte("Postfix")):
		*r = recognition{mtaPostfix, true}
	case stage != StageConnect:
	case has(sendmailTime) || has("if_name") || has("if_addr"):
		r.kind = mtaSendmail // Postfix has none of these
	case len(v) > 0 && !isDigit(v[0]), requested != "" && onlyOf(requested, raw):
		r.kind = mtaPostfix // Sendmail's v is a version, and it sends t if that is requested
	}
}

// onlyOf reports whether a list has no macros but those requested. Postfix never sends
// others; an MTA that does so ignores the request.
func onlyOf(requested string, raw []byte) bool {
	for name := range wire.Macros(raw) {
		if !slices.Contains(strings.Fields(requested), spelled(strings.Trim(string(name), "{}"))) {
			return false
		}
	}
	return true
}

// isDigit reports whether c begins a bare version number, which is Sendmail's v.
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// content recognises Sendmail by a header field or a body chunk before which no macros came.
// Postfix sends macros before each, even if it has no values for them.
func (r *recognition) content(macrosCame bool) {
	if !macrosCame && !r.sure {
		*r = recognition{mtaSendmail, true}
	}
}
