package config

import (
	"fmt"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// review reports filters that cannot be together, and warns about an order that makes no sense.
func (p *preparation) review(lanes []*lane) {
	p.reviewNames(lanes)
	for i, l := range lanes {
		switch l.part.(type) {
		case *authenticate:
			p.reviewBefore(l, lanes[:i])
		case *sign:
			p.reviewAfter(l, lanes[i+1:])
		}
	}
	if len(lanes) == 0 && len(p.errs) == 0 {
		p.suspect(yamlconf.Position{Line: 1, Column: 1}, "no filters, so all mail passes")
	}
}

func (p *preparation) reviewNames(lanes []*lane) {
	names := make(map[string]*lane)
	var first *lane
	for _, l := range lanes {
		if other, twice := names[l.name]; twice {
			p.wrong(l.Wrong(fmt.Errorf("the filter in line %d is called %s, too: give this one another name, as in name: %s2", other.Line, l.name, l.part.kind())))
		}
		names[l.name] = l
		if _, ok := l.part.(*authenticate); !ok {
			continue
		}
		if first != nil {
			p.wrong(l.Wrong(fmt.Errorf("authenticate is in line %d already: it checks each message once", first.Line)))
		}
		first = l
	}
}

// reviewBefore warns about filters before one that checks signatures.
func (p *preparation) reviewBefore(l *lane, before []*lane) {
	for _, other := range before {
		switch {
		case other.edits() && !other.DryRun:
			p.suspect(l.Position, "authenticate comes after %s (line %d), which may edit the message: signatures that were valid fail then", other.name, other.Line)
		case other.part.kind() == "sign":
			p.suspect(l.Position, "authenticate comes after %s (line %d): it sees the signatures that this host has made", other.name, other.Line)
		}
	}
}

// reviewAfter warns about filters after one that signs.
func (p *preparation) reviewAfter(l *lane, after []*lane) {
	for _, other := range after {
		if other.edits() && !other.DryRun {
			p.suspect(l.Position, "sign comes before %s (line %d), which may edit the message: the signature fails then", other.name, other.Line)
		}
	}
}

// suspect warns about what is at a position.
func (p *preparation) suspect(at yamlconf.Position, format string, args ...any) {
	p.warn(yamlconf.Prefixed(p.path, at.Wrongf("warning: "+format, args...)))
}

// edits reports whether the filter may change what signatures cover.
func (l *lane) edits() bool {
	switch f := l.part.(type) {
	case *headersPart:
		return f.edits
	case *remotePart:
		return f.config.Shadow == nil
	default:
		return false
	}
}
