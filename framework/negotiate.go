package framework

import "github.com/sluicemail/sluice/wire"

// versionOfData is the protocol version from which on MTAs send DATA.
const versionOfData = 4

// frameLimit is the largest length that a frame may announce unless larger packets were
// negotiated; libmilter's limit is half of it. Postfix sends a header field in one frame,
// and accepts fields of 102,400 bytes by default. Version 3.7 cuts them at 60,000 bytes
// for filters, but does not document that.
const frameLimit = 128 << 10

// negotiate returns the answer to an offer: what the plan asks for, as far as the MTA
// offers it, the recorded stages, and packets of at most the given size. If the MTA lacks an
// action that a filter requires, the answer says what becomes of its mail.
func (p *Plan) negotiate(offer *wire.Negotiate, packet int, recorded wire.Protocol) negotiated {
	n := negotiated{Negotiate: wire.Negotiate{
		Version:  min(offer.Version, wire.MaxVersion),
		Actions:  (p.Actions | p.Optional) & offer.Actions & wire.KnownActions,
		Protocol: available(p.Protocol, offer.Protocol, recorded) & wire.KnownProtocol,
	}}
	requested := p.Protocol
	if n.lacking, n.refusal = p.lacking(offer.Actions); n.refusal.is() {
		requested = refusing()
		n.Actions, n.Protocol = 0, available(requested, offer.Protocol, recorded)
	}
	n.recorded = requested & recorded & offer.Protocol &^ n.Protocol
	if n.Actions.Has(wire.ActionSetSymList) {
		n.Macros = p.Macros
		for _, l := range p.Macros {
			if l.Stage == wire.MacroConnect {
				n.connect = l.Names
			}
		}
	}
	for stage := range numStages {
		no, nr := stage.switches()
		n.withheld[stage] = no != 0 && n.Protocol.Has(no)
		n.silent[stage] = nr != 0 && n.Protocol.Has(nr)
	}
	n.silent[StageAbort], n.silent[StageClose] = true, true
	n.skip = n.Protocol.Has(wire.ProtoSkip)
	n.leadSpace = n.Protocol.Has(wire.ProtoHdrLeadSpc)
	n.stalwart = offeredByStalwart(offer)
	n.enlarge(offer.Protocol, packet)
	return n
}

// available returns the requested protocol bits that the MTA offers. If the MTA cannot
// omit a stage that no filter needs, available asks it at least not to wait for the
// answer. It does the same for a stage that is recorded.
func available(requested, offer, recorded wire.Protocol) wire.Protocol {
	wishes := requested
	for stage := range numStages {
		no, nr := stage.switches()
		if no == 0 || !requested.Has(no) {
			continue
		}
		if recorded.Has(no) && nr != 0 && offer.Has(nr) {
			wishes &^= no
		}
		if !offer.Has(no) || !wishes.Has(no) {
			wishes |= nr
		}
	}
	return wishes & offer
}

// enlarge requests the largest packets that are offered and wanted. It sets only one
// bit, because the MTA derives the size of its body chunks from it.
func (n *negotiated) enlarge(offer wire.Protocol, packet int) {
	n.limit = frameLimit
	switch {
	case packet >= wire.Limit1M && offer.Has(wire.ProtoMDS1M):
		n.Protocol |= wire.ProtoMDS1M
		n.limit = wire.Limit1M
	case packet >= wire.Limit256K && offer.Has(wire.ProtoMDS256K):
		n.Protocol |= wire.ProtoMDS256K
		n.limit = wire.Limit256K
	}
}
