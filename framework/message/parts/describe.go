package parts

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
)

// plain is the type of a part that has no valid one.
const plain = "text/plain"

// The names of the fields that matter here.
const (
	contentType        = "Content-Type"
	contentDisposition = "Content-Disposition"
	transferEncoding   = "Content-Transfer-Encoding"
	mimeVersion        = "MIME-Version"
	returnPath         = "Return-Path"
)

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\x1b' || r == 0x7f }

func isKnown(name string) bool {
	return ascii.EqualFold(name, contentType) || ascii.EqualFold(name, contentDisposition) ||
		ascii.EqualFold(name, transferEncoding) || ascii.EqualFold(name, mimeVersion)
}

// describe sets what the header of a part says about it.
func (p *Part) describe(defaultType string) (flaws Flaws) {
	var names nameList
	p.Type = defaultType
	typed, first, versioned := 0, "", false
	for _, f := range p.Fields {
		if isKnown(f.Name) && strings.ContainsFunc(f.Value, isControl) {
			flaws |= ControlInHeader
		}
		switch {
		case ascii.EqualFold(f.Name, contentDisposition):
			p.disposition(f.Value, &names)
		case ascii.EqualFold(f.Name, transferEncoding) && p.Encoding == "":
			p.Encoding = ascii.ToLower(newScanner(f.Value, true).head())
		case ascii.EqualFold(f.Name, mimeVersion):
			versioned = true
		}
	}
	for _, f := range p.Fields {
		if !ascii.EqualFold(f.Name, contentType) || typed > 0 && f.Value == first {
			continue
		}
		if typed++; typed == 1 {
			first = f.Value
		}
		flaws |= p.contentType(f.Value, typed, &names)
	}
	switch p.Type {
	case "message/partial":
		flaws |= Partial
	case "message/external-body":
		flaws |= External
	}
	if p.Parent == nil && typed > 0 && !versioned {
		flaws |= NoVersion
	}
	p.Names = names.list
	return flaws | names.flaws
}

func (p *Part) disposition(value string, names *nameList) {
	s := newScanner(value, true)
	head := ascii.ToLower(s.head())
	if p.Disposition == "" && isToken(head) {
		p.Disposition = head
	}
	names.addField(value)
}

// contentType sets the type that the part's n-th Content-Type gives. The first counts,
// unless only a later one divides the part.
func (p *Part) contentType(value string, n int, names *nameList) (flaws Flaws) {
	names.addField(value)
	s := newScanner(value, true)
	kind, ok := s.mediaType()
	if n > 1 {
		flaws |= AmbiguousType
		if p.IsMultipart() || p.IsMessage() || !strings.HasPrefix(kind, "multipart/") {
			return flaws
		}
	}
	if !ok {
		p.Type = plain
		return flaws | badType(value)
	}
	p.Type = kind
	var boundaries []string
	p.Params, boundaries = parameters(s)
	if p.IsMultipart() && len(boundaries) > 1 {
		flaws |= AmbiguousBoundary
	}
	return flaws
}

// badType returns the flaws of a part with an invalid Content-Type. If it speaks of a
// structure, a reader may divide the part.
func badType(value string) Flaws {
	text, _ := message.Decode(value)
	text = ascii.ToLower(text)
	for _, word := range []string{"multipart", "message", "boundary"} {
		if strings.Contains(text, word) {
			return BadType | AmbiguousType
		}
	}
	return BadType
}

// parameters returns the parameters of a Content-Type, and the readings of its
// boundary. If they are more than one, readers may disagree.
func parameters(s *scanner) (params []Param, boundaries []string) {
	raw := s.parameters()
	for _, r := range raw {
		if !r.isExtended() {
			params = append(params, Param{r.name, r.value})
		}
		if r.base == "boundary" {
			boundaries = append(boundaries, r.readings()...)
		}
	}
	for _, g := range groups(raw) {
		values, _ := g.values()
		params = append(params, Param{g.base, values[0]})
		if g.base == "boundary" {
			boundaries = append(boundaries, "", values[0]) // readers that know RFC 2231, and others
		}
	}
	for _, b := range boundaries {
		if strings.TrimRight(b, " \t") != b || strings.Contains(b, "=?") && strings.Contains(b, "?=") {
			boundaries = append(boundaries, "")
			break
		}
	}
	slices.Sort(boundaries)
	return params, slices.Compact(boundaries)
}
