package resolvertest

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// zone is all that the DNS has.
type zone struct {
	records  map[question][]dns.RR
	exists   map[string]bool // names with records, and all names above them
	failures []failure
}

// question is a name in lower case, and a type of records.
type question struct {
	name string
	kind uint16
}

// failure is what the names at and below a name do instead of having an answer.
type failure struct {
	name   string
	silent bool
	code   int
}

// parse reads a zone. A record without a TTL has an hour.
func parse(text string, opts ...Option) (*zone, error) {
	z := &zone{records: make(map[question][]dns.RR), exists: make(map[string]bool)}
	p := dns.NewZoneParser(strings.NewReader(outdent(text)), ".", "")
	p.SetDefaultTTL(3600)
	for rr, more := p.Next(); more; rr, more = p.Next() {
		z.put(rr)
	}
	for _, opt := range opts {
		opt(z)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("resolvertest: %w", err)
	}
	return z, nil
}

// outdent removes the white space that a Go program has before a line. In a master file it
// would stand for the name of the record before.
func outdent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, " \t")
	}
	return strings.Join(lines, "\n")
}

// put adds a record. The names above its name exist, too.
func (z *zone) put(rr dns.RR) {
	name := canonical(rr.Header().Name)
	key := question{name, rr.Header().Rrtype}
	z.records[key] = append(z.records[key], rr)
	for at := 0; at < len(name); {
		z.exists[name[at:]] = true
		next, end := dns.NextLabel(name, at)
		if end {
			break
		}
		at = next
	}
}

// canonical returns a name in lower case, as it is read from a packet: a file may write a
// character such as a space in several ways.
func canonical(name string) string {
	const longest = 255
	packet := make([]byte, longest)
	if _, err := dns.PackDomainName(dns.CanonicalName(name), packet, 0, nil, false); err != nil {
		return dns.CanonicalName(name)
	}
	name, _, _ = dns.UnpackDomainName(packet, 0) // nil, because it was packed
	return name
}

// answer returns the answer to a query, or nil if there is none.
func (z *zone) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable, m.Compress = true, true
	if len(q.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
		return m
	}
	name := dns.CanonicalName(q.Question[0].Name)
	const maxAliases = 20 // a loop of aliases ends
	for range maxAliases {
		if f, ok := z.failure(name); ok {
			m.Rcode, m.Answer = f.code, nil
			if f.silent {
				return nil
			}
			return m
		}
		alias, ok := z.alias(name)
		if !ok {
			break
		}
		m.Answer = append(m.Answer, alias)
		name = canonical(alias.Target)
	}
	m.Answer = append(m.Answer, z.records[question{name, q.Question[0].Qtype}]...)
	if !z.exists[name] {
		m.Rcode = dns.RcodeNameError
	}
	return m
}

// alias returns the CNAME record of a name.
func (z *zone) alias(name string) (*dns.CNAME, bool) {
	for _, rr := range z.records[question{name, dns.TypeCNAME}] {
		if alias, ok := rr.(*dns.CNAME); ok {
			return alias, true
		}
	}
	return nil, false
}

// failure returns what a name does if it fails.
func (z *zone) failure(name string) (failure, bool) {
	for _, f := range z.failures {
		if dns.IsSubDomain(f.name, name) {
			return f, true
		}
	}
	return failure{}, false
}

// fit returns an answer that fits into a packet of UDP: without its records and marked as
// truncated if it is larger than the query allows (RFC 6891 section 6.2.5).
func fit(q, m *dns.Msg) *dns.Msg {
	size := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		size = max(size, int(opt.UDPSize()))
	}
	if m != nil {
		m.Truncate(size)
	}
	return m
}
