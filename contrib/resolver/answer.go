package resolver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Answer is the answer to a lookup. Lookups share it, so it must not be
// modified. It may be kept.
type Answer struct {
	// Name is the name of the records: the name that was looked up, in
	// lower case, or the name that its CNAME records lead to.
	Name string
	// TXT are the TXT records. The strings of a record are joined, as RFC
	// 7208 section 3.3 and RFC 6376 section 3.6.2.2 require. They may
	// contain any byte.
	TXT []string
	// Addrs are the A or AAAA records.
	Addrs []netip.Addr
	// MX are the MX records in the order of the answer.
	MX []MX
	// Names are the names of PTR records, in lower case without a final dot.
	Names []string
	// Authenticated is the AD bit: the server says that it has validated the
	// answer with DNSSEC. It means something only if the server and the path
	// to it are trusted (RFC 6840 section 5.8).
	Authenticated bool

	ttl time.Duration // the lowest TTL, before the limits of the configuration
}

// MX is a mail exchanger.
type MX struct {
	// Host is the name of the exchanger, in lower case without a final dot.
	// It is "" for a domain that does not receive mail (RFC 7505).
	Host string
	// Preference is lower for exchangers that are tried earlier.
	Preference uint16
}

// Limits of an answer. They bound the cost of a lookup and of a cached answer.
const (
	maxPacketRecords = 1000     // all records in a packet
	maxRecords       = 256      // the records that answer the question
	maxData          = 32 << 10 // the bytes of these records
	maxAliases       = 15       // the CNAME records in a row
)

// question is a query, and what its answer must match.
type question struct {
	name   string // in the form of package dns
	record Type
	edns   edns
	packet []byte // the query
	length int    // the length of the question in the packet
}

// headerSize is the size of the header of a DNS packet.
const headerSize = 12

// ednsSize is the largest UDP answer that a query asks for. Packets of this size
// are not fragmented.
const ednsSize = 1232

// edns is whether a query has the record of EDNS, which says how large an answer
// may be.
type edns bool

const (
	withEDNS    edns = true
	withoutEDNS edns = false
)

// newQuestion returns a query for a clean name. Its ID is random.
func newQuestion(name string, t Type, e edns) (*question, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), uint16(t))
	m.AuthenticatedData = true // asks for the AD bit (RFC 6840 section 5.7)
	if e == withEDNS {
		m.SetEdns0(ednsSize, false)
	}
	packet, err := m.Pack()
	if err != nil {
		return nil, err
	}
	owner, end, err := dns.UnpackDomainName(packet, headerSize)
	if err != nil {
		return nil, err
	}
	return &question{name: owner, record: t, edns: e, packet: packet, length: end + 4 - headerSize}, nil
}

// isAnswered reports whether a packet is a response with the ID and the question
// of the query. Others come from elsewhere, or answer an earlier query. Some
// servers leave out the question if they refuse.
func (q *question) isAnswered(packet []byte) bool {
	if len(packet) < headerSize || !bytes.Equal(packet[:2], q.packet[:2]) || packet[2]&0xf8 != 0x80 {
		return false
	}
	if len(packet) == headerSize {
		code := int(packet[3] & 0x0f)
		return code != dns.RcodeSuccess && code != dns.RcodeNameError
	}
	return len(packet) >= headerSize+q.length && binary.BigEndian.Uint16(packet[4:]) == 1 &&
		bytes.EqualFold(packet[headerSize:headerSize+q.length], q.packet[headerSize:headerSize+q.length])
}

// isTruncated reports whether a packet says that it is not the whole answer.
func isTruncated(packet []byte) bool { return packet[2]&0x02 != 0 }

// errMalformed is the error for a packet that breaks the format of the DNS.
var errMalformed = errors.New("malformed answer")

// parse returns the answer in a packet that isAnswered accepts. If the packet
// says that there are no records, the error is ErrNXDomain or ErrNoData, and the
// answer has only a TTL. If the error is ErrTooLarge, the answer is nil. Any
// other error is a fault of the server.
func (q *question) parse(packet []byte) (*Answer, error) {
	if q.count(packet) > maxPacketRecords {
		return nil, ErrTooLarge
	}
	m := new(dns.Msg)
	if err := m.Unpack(packet); err != nil {
		return nil, errMalformed
	}
	if len(m.Answer)+len(m.Ns)+len(m.Extra) != q.count(packet) {
		return nil, errMalformed // cut off between two records
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, q.refusal(m.Rcode)
	}
	if isLame(m) {
		return nil, errors.New("the server does not look up names for this host")
	}
	a, err := q.collect(m)
	if err != nil {
		return nil, err
	}
	a.Authenticated = m.AuthenticatedData
	switch {
	case m.Rcode == dns.RcodeNameError:
		a.ttl = min(a.ttl, negativeTTL(m, a.Name))
		return a, ErrNXDomain
	case a.empty():
		a.ttl = min(a.ttl, negativeTTL(m, a.Name))
		return a, ErrNoData
	default:
		return a, nil
	}
}

// count returns the number of records that the header of a packet names.
func (*question) count(packet []byte) (n int) {
	for i := 6; i < headerSize; i += 2 {
		n += int(binary.BigEndian.Uint16(packet[i:]))
	}
	return n
}

// errNoEDNS means that a server may answer the query without EDNS.
var errNoEDNS = errors.New("the server does not know EDNS")

// refusal returns the error for a code. Servers without EDNS answer FORMERR (RFC
// 6891 section 7). Some answer NOTIMP instead. No other query that this package
// sends has an answer of these codes.
func (q *question) refusal(code int) error {
	err := fmt.Errorf("the server answers %s", rcodeName(code))
	switch code {
	case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers:
		if q.edns == withEDNS {
			return fmt.Errorf("%w: %w", errNoEDNS, err)
		}
	}
	return err
}

// rcodeName returns the name of a response code. Code 16 is BADVERS in a plain query. The
// library calls it BADSIG, which is its name in signed transactions (RFC 8945), and this
// package signs none.
func rcodeName(code int) string {
	if code == dns.RcodeBadVers {
		return "BADVERS"
	}
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("code %d", code)
}

// isLame reports whether a response has nothing because the server neither
// recurses nor has the zone.
func isLame(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess && !m.Authoritative && !m.RecursionAvailable && len(m.Answer) == 0
}

// collect follows the CNAME records of a response and collects the records that
// answer the question. Records with other owners are ignored.
func (q *question) collect(m *dns.Msg) (*Answer, error) {
	a := &Answer{ttl: maxTTL}
	owner, err := q.follow(m.Answer, a)
	if err != nil {
		return nil, err
	}
	size, n := 0, 0
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Rrtype != uint16(q.record) || h.Class != dns.ClassINET || !strings.EqualFold(h.Name, owner) {
			continue
		}
		if size, n = size+int(h.Rdlength), n+1; n > maxRecords || size > maxData {
			return nil, ErrTooLarge
		}
		a.add(rr)
		a.ttl = min(a.ttl, ttlOf(h))
	}
	a.Name = strings.ToLower(strings.TrimSuffix(owner, "."))
	return a, nil
}

// follow returns the name that the CNAME records lead to. The recursive server
// has put them into the answer. It may repeat a record, and in any order.
func (q *question) follow(records []dns.RR, a *Answer) (string, error) {
	aliases := make(map[string]*dns.CNAME)
	for _, rr := range records {
		if c, ok := rr.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET {
			aliases[strings.ToLower(c.Hdr.Name)] = c
		}
	}
	owner := q.name
	for range maxAliases + 1 {
		c, ok := aliases[strings.ToLower(owner)]
		if !ok {
			return owner, nil
		}
		owner, a.ttl = c.Target, min(a.ttl, ttlOf(&c.Hdr))
	}
	return "", errors.New("the CNAME records form a ring or are too many")
}

// add adds a record. It leaves out hosts that are no names.
func (a *Answer) add(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.TXT:
		a.TXT = append(a.TXT, joined(rr.Txt))
	case *dns.A:
		if addr, ok := netip.AddrFromSlice(rr.A); ok {
			a.Addrs = append(a.Addrs, addr.Unmap())
		}
	case *dns.AAAA:
		if addr, ok := netip.AddrFromSlice(rr.AAAA); ok {
			a.Addrs = append(a.Addrs, addr)
		}
	case *dns.MX:
		if host, ok := cleanName(rr.Mx); ok || rr.Mx == "." {
			a.MX = append(a.MX, MX{host, rr.Preference})
		}
	case *dns.PTR:
		if name, ok := cleanName(rr.Ptr); ok {
			a.Names = append(a.Names, name)
		}
	}
}

func (a *Answer) empty() bool { return len(a.TXT)+len(a.Addrs)+len(a.MX)+len(a.Names) == 0 }

// size returns the memory that the data of the answer takes, in bytes.
func (a *Answer) size() int {
	n := len(a.Name) + 24*cap(a.Addrs)
	for _, text := range a.TXT {
		n += len(text)
	}
	for _, mx := range a.MX {
		n += len(mx.Host)
	}
	for _, name := range a.Names {
		n += len(name)
	}
	return n + 16*cap(a.TXT) + 24*cap(a.MX) + 16*cap(a.Names)
}

// maxTTL is the largest TTL (RFC 2181 section 8).
const maxTTL = (1<<31 - 1) * time.Second

// ttlOf returns the TTL of a record. A negative one means 0 (RFC 2181 section
// 8).
func ttlOf(h *dns.RR_Header) time.Duration {
	if h.Ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(h.Ttl) * time.Second
}

// negativeTTL returns the time for which the absence of records may be cached,
// or 0 if the response has no SOA record for the name (RFC 2308 section 5).
func negativeTTL(m *dns.Msg, name string) time.Duration {
	for _, rr := range m.Ns {
		soa, ok := rr.(*dns.SOA)
		if !ok || !dns.IsSubDomain(soa.Hdr.Name, dns.Fqdn(name)) {
			continue
		}
		minimum := dns.RR_Header{Ttl: soa.Minttl}
		return min(ttlOf(&soa.Hdr), ttlOf(&minimum))
	}
	return 0
}

// joined joins the strings of a TXT record. Package dns has them in the form of
// zone files, in which \" and \092 stand for one byte each. The result has no more
// memory than its length: the cache counts that.
func joined(texts []string) string {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	out := make([]byte, 0, size)
	for _, text := range texts {
		for {
			i := strings.IndexByte(text, '\\')
			if i < 0 || i+1 == len(text) {
				break
			}
			out = append(out, text[:i]...)
			var c byte
			c, text = unescape(text[i+1:])
			out = append(out, c)
		}
		out = append(out, text...)
	}
	return string(out)
}

// unescape returns the byte that the text after a backslash stands for, and the
// rest of the text.
func unescape(text string) (byte, string) {
	if len(text) < 3 || !isDigit(text[0]) || !isDigit(text[1]) || !isDigit(text[2]) {
		return text[0], text[1:]
	}
	return (text[0]-'0')*100 + (text[1]-'0')*10 + (text[2] - '0'), text[3:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
