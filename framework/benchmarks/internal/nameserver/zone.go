package nameserver

import (
	"strings"

	"github.com/miekg/dns"
)

// ttl is the time in seconds for which answers may be cached, also those that nothing exists.
const ttl = 3600

// zone holds the records and the names of a master file. The names are in lower case.
type zone struct {
	records map[string][]dns.RR
	exists  map[string]bool // the names above a name with records exist too
}

func parse(text string) (*zone, error) {
	z := &zone{records: make(map[string][]dns.RR), exists: map[string]bool{".": true}}
	p := dns.NewZoneParser(strings.NewReader(text), ".", "")
	p.SetDefaultTTL(ttl)
	for rr, more := p.Next(); more; rr, more = p.Next() {
		name := dns.CanonicalName(rr.Header().Name)
		z.records[name] = append(z.records[name], rr)
		for at, end := 0, false; !end; at, end = dns.NextLabel(name, at) {
			z.exists[name[at:]] = true
		}
	}
	return z, p.Err()
}

// answer returns the answer of a recursive server for which the zone is all that exists.
func (z *zone) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable, m.Compress = true, true
	name, kind := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	for _, rr := range z.records[name] {
		if rr.Header().Rrtype == kind {
			m.Answer = append(m.Answer, rr)
		}
	}
	if !z.exists[name] {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{soa()}
	}
	if q.IsEdns0() != nil {
		const size = 1232 // of a packet that no link splits
		m.SetEdns0(size, false)
	}
	return m
}

// soa returns the record that lets resolvers cache that nothing exists (RFC 2308 section 3).
func soa() dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  "ns.example.", Mbox: "admin.example.", Serial: 1, Refresh: ttl, Retry: ttl, Expire: ttl, Minttl: ttl,
	}
}
