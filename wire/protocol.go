package wire

// Protocol is a set of protocol options: the SMFIP_ bits of mfdef.h. They name
// events that the MTA leaves out, replies that it does not wait for, and other
// behavior. The MTA offers the options that it supports, and the filter replies
// with those that it wants.
type Protocol uint32

// The protocol bits. With a NO bit the MTA does not send an event, and with an
// NR bit it does not wait for the reply to it.
const (
	ProtoNoConnect  Protocol = 0x00000001 // SMFIP_NOCONNECT
	ProtoNoHelo     Protocol = 0x00000002 // SMFIP_NOHELO
	ProtoNoMail     Protocol = 0x00000004 // SMFIP_NOMAIL
	ProtoNoRcpt     Protocol = 0x00000008 // SMFIP_NORCPT
	ProtoNoBody     Protocol = 0x00000010 // SMFIP_NOBODY
	ProtoNoHdrs     Protocol = 0x00000020 // SMFIP_NOHDRS
	ProtoNoEOH      Protocol = 0x00000040 // SMFIP_NOEOH
	ProtoNRHdr      Protocol = 0x00000080 // SMFIP_NR_HDR
	ProtoNoUnknown  Protocol = 0x00000100 // SMFIP_NOUNKNOWN
	ProtoNoData     Protocol = 0x00000200 // SMFIP_NODATA
	ProtoSkip       Protocol = 0x00000400 // SMFIP_SKIP: the MTA understands SMFIR_SKIP
	ProtoRcptRej    Protocol = 0x00000800 // SMFIP_RCPT_REJ: send recipients that the MTA refused
	ProtoNRConn     Protocol = 0x00001000 // SMFIP_NR_CONN
	ProtoNRHelo     Protocol = 0x00002000 // SMFIP_NR_HELO
	ProtoNRMail     Protocol = 0x00004000 // SMFIP_NR_MAIL
	ProtoNRRcpt     Protocol = 0x00008000 // SMFIP_NR_RCPT
	ProtoNRData     Protocol = 0x00010000 // SMFIP_NR_DATA
	ProtoNRUnkn     Protocol = 0x00020000 // SMFIP_NR_UNKN
	ProtoNREOH      Protocol = 0x00040000 // SMFIP_NR_EOH
	ProtoNRBody     Protocol = 0x00080000 // SMFIP_NR_BODY
	ProtoHdrLeadSpc Protocol = 0x00100000 // SMFIP_HDR_LEADSPC: header values keep their leading space
	ProtoMDS256K    Protocol = 0x10000000 // SMFIP_MDS_256K: packets of 256 KiB
	ProtoMDS1M      Protocol = 0x20000000 // SMFIP_MDS_1M: packets of 1 MiB
)

// KnownProtocol holds every protocol bit that this package defines. An MTA may
// offer others. A filter must not include those in its reply.
const KnownProtocol Protocol = 0x001FFFFF | ProtoMDS256K | ProtoMDS1M

// Has reports whether all bits of other are in p.
func (p Protocol) Has(other Protocol) bool { return p&other == other }

// Names returns the C names of the bits, the lowest bit first. Unknown bits are
// combined into one hexadecimal number at the end.
func (p Protocol) Names() []string {
	return bitNames(uint32(p), []bitName{
		{uint32(ProtoNoConnect), "SMFIP_NOCONNECT"},
		{uint32(ProtoNoHelo), "SMFIP_NOHELO"},
		{uint32(ProtoNoMail), "SMFIP_NOMAIL"},
		{uint32(ProtoNoRcpt), "SMFIP_NORCPT"},
		{uint32(ProtoNoBody), "SMFIP_NOBODY"},
		{uint32(ProtoNoHdrs), "SMFIP_NOHDRS"},
		{uint32(ProtoNoEOH), "SMFIP_NOEOH"},
		{uint32(ProtoNRHdr), "SMFIP_NR_HDR"},
		{uint32(ProtoNoUnknown), "SMFIP_NOUNKNOWN"},
		{uint32(ProtoNoData), "SMFIP_NODATA"},
		{uint32(ProtoSkip), "SMFIP_SKIP"},
		{uint32(ProtoRcptRej), "SMFIP_RCPT_REJ"},
		{uint32(ProtoNRConn), "SMFIP_NR_CONN"},
		{uint32(ProtoNRHelo), "SMFIP_NR_HELO"},
		{uint32(ProtoNRMail), "SMFIP_NR_MAIL"},
		{uint32(ProtoNRRcpt), "SMFIP_NR_RCPT"},
		{uint32(ProtoNRData), "SMFIP_NR_DATA"},
		{uint32(ProtoNRUnkn), "SMFIP_NR_UNKN"},
		{uint32(ProtoNREOH), "SMFIP_NR_EOH"},
		{uint32(ProtoNRBody), "SMFIP_NR_BODY"},
		{uint32(ProtoHdrLeadSpc), "SMFIP_HDR_LEADSPC"},
		{uint32(ProtoMDS256K), "SMFIP_MDS_256K"},
		{uint32(ProtoMDS1M), "SMFIP_MDS_1M"},
	})
}

// String returns the C names joined by "|", or "0".
func (p Protocol) String() string { return joinNames(p.Names()) }
