package mta

import "github.com/sluicemail/sluice/wire"

// Offer is the MTA's side of the negotiation: its protocol version, the
// modifications that it allows, and the protocol bits that it supports.
type Offer struct {
	Version  uint32
	Actions  wire.Actions
	Protocol wire.Protocol
}

// The protocol bits that Postfix offers, by version.
const (
	protocolV2 = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt |
		wire.ProtoNoBody | wire.ProtoNoHdrs | wire.ProtoNoEOH
	protocolV3 = protocolV2 | wire.ProtoNoUnknown
	protocolV4 = protocolV3 | wire.ProtoNoData
	protocolV6 = wire.KnownProtocol &^ (wire.ProtoMDS256K | wire.ProtoMDS1M)
)

// PostfixOffer returns the offer of Postfix with its parameter milter_protocol
// set to version. The actions are the same for all versions. Postfix knows the
// versions 2, 3, 4 and 6. Version 5 has the bits of version 4, and any other
// number has those of the nearest version.
func PostfixOffer(version uint32) Offer {
	o := Offer{Version: version, Actions: wire.KnownActions}
	switch {
	case version >= 6:
		o.Protocol = protocolV6
	case version >= 4:
		o.Protocol = protocolV4
	case version == 3:
		o.Protocol = protocolV3
	default:
		o.Protocol = protocolV2
	}
	return o
}

// SendmailOffer returns the offer of Sendmail 8.14 and later.
func SendmailOffer() Offer {
	return Offer{Version: wire.MaxVersion, Actions: wire.KnownActions, Protocol: protocolV6}
}
