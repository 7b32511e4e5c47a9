package spf

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// target returns the domain that a term means: the current one if it names none.
func (c *check) target(ctx context.Context, spec, domain string) string {
	if spec == "" {
		return domain
	}
	m, _ := parseDomain(spec) // which had no mistake in the record
	name, ok := c.expand(ctx, m, domain)
	if !ok {
		return "" // no name in the DNS
	}
	name = strings.TrimSuffix(name, ".")
	const longest = 253
	for len(name) > longest { // RFC 7208 section 7.3
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			break
		}
		name = rest
	}
	return name
}

// maxExpanded limits a text and the values of its macros, in bytes. A record that repeats
// macros with long values could otherwise need seconds of the processor and any amount of
// memory, even if it uses only a part of each value.
const maxExpanded = 16 << 10

// expand replaces the macros of a text, for the record of a domain. It returns false beyond
// maxExpanded.
func (c *check) expand(ctx context.Context, m macroString, domain string) (string, bool) {
	var b strings.Builder
	size := 0
	for i := range m {
		p := &m[i]
		value := p.text
		if p.letter != 0 {
			value = c.value(ctx, p.letter, domain)
		}
		if size += len(value); size > maxExpanded {
			return "", false
		}
		b.WriteString(p.transform(value))
	}
	return b.String(), true
}

// value returns the value of a macro (RFC 7208 section 7.2).
func (c *check) value(ctx context.Context, letter byte, domain string) string {
	switch letter {
	case 's':
		return c.local + "@" + c.domain
	case 'l':
		return c.local
	case 'o':
		return c.domain
	case 'd':
		return domain
	case 'i':
		return c.dotted()
	case 'p':
		return c.name(ctx, domain)
	case 'v':
		if c.ip.Is4() {
			return "in-addr"
		}
		return "ip6"
	case 'h':
		return c.helo
	case 'c':
		return c.ip.String()
	case 'r':
		if c.receiver == "" {
			return unknown
		}
		return c.receiver
	default: // t
		return strconv.FormatInt(time.Now().Unix(), 10)
	}
}

// unknown is the value of a macro without a value.
const unknown = "unknown"

// dotted returns the address with dots between its bytes, or between the digits of version 6.
func (c *check) dotted() string {
	if c.ip.Is4() {
		return c.ip.String()
	}
	digits := make([]string, 0, 32)
	for _, b := range c.ip.As16() {
		digits = append(digits, fmt.Sprintf("%X", b>>4), fmt.Sprintf("%X", b&0xf))
	}
	return strings.Join(digits, ".")
}

// name returns a validated name of the client: the domain, else one below it, else any.
func (c *check) name(ctx context.Context, domain string) string {
	best, bestRank := unknown, 0
	for _, name := range c.validated(ctx) {
		rank := 1
		if isWithin(name, domain) {
			rank = 2
		}
		if strings.EqualFold(name, domain) {
			rank = 3
		}
		if rank > bestRank {
			best, bestRank = name, rank
		}
	}
	return best
}

// explain returns what a domain says about a Fail (RFC 7208 section 6.2). If anything is
// wrong with that, the domain says nothing.
func (c *check) explain(ctx context.Context, f *found) string {
	if f.record.explanation == "" {
		return ""
	}
	texts, err := c.dns.LookupTXT(ctx, c.target(ctx, f.record.explanation, f.domain))
	if err != nil || len(texts) != 1 {
		return ""
	}
	m, err := parseMacros(texts[0], explanationLetters, true)
	if err != nil {
		return ""
	}
	text, _ := c.expand(ctx, m, f.domain)
	return shown(text, maxExplanation)
}
