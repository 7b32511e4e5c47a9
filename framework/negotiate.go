package framework

import (
	"slices"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// negotiated is what a session's MTA granted, which is what decides: an answer
// that the MTA does not wait for would be taken for the answer to something
// else.
type negotiated struct {
	wire.Negotiate
	silent    [numStages]bool // the MTA waits for no answer
	withheld  [numStages]bool // the MTA does not send the stage
	skip      bool
	leadSpace bool
	limit     int // the most that a frame of the MTA may announce
}

// negotiate answers an offer: the plan's wishes as far as the MTA offers them,
// and packets of at most the given size. Only a required action that is missing
// is an error.
func (p *Plan) negotiate(offer *wire.Negotiate, packet int) (negotiated, error) {
	if missing := p.Actions &^ offer.Actions; missing != 0 {
		return negotiated{}, p.missing(missing)
	}
	n := negotiated{Negotiate: wire.Negotiate{
		Version:  min(offer.Version, wire.MaxVersion),
		Actions:  (p.Actions | p.Optional) & offer.Actions & wire.KnownActions,
		Protocol: p.protocol(offer.Protocol) & wire.KnownProtocol,
	}}
	if n.Actions.Has(wire.ActionSetSymList) {
		n.Macros = p.Macros
	}
	for stage := range numStages {
		no, nr := stage.switches()
		n.withheld[stage] = no != 0 && n.Protocol.Has(no)
		n.silent[stage] = nr != 0 && n.Protocol.Has(nr)
	}
	n.silent[StageAbort], n.silent[StageClose] = true, true
	n.skip = n.Protocol.Has(wire.ProtoSkip)
	n.leadSpace = n.Protocol.Has(wire.ProtoHdrLeadSpc)
	n.enlarge(offer.Protocol, packet)
	return n, nil
}

// enlarge asks for the largest packets that are offered and wanted, by one bit:
// the MTA takes the size of its chunks from it.
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

// protocol returns the wishes that the offer fulfils. A stage that is not
// needed and that the MTA sends all the same needs no answer at least.
func (p *Plan) protocol(offer wire.Protocol) wire.Protocol {
	wishes := p.Protocol
	for stage := range numStages {
		if no, nr := stage.switches(); p.Protocol.Has(no) && !offer.Has(no) {
			wishes |= nr
		}
	}
	return wishes & offer
}

func (p *Plan) missing(actions wire.Actions) error {
	names := actions.Names()
	return &missingActionError{
		Missing: actions,
		Grants: lo.Filter(p.Reasons, func(r Reason, _ int) bool {
			return r.Asked && !r.Optional && slices.Contains(names, r.Bit)
		}),
	}
}
