package authres

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMalformed is the error that the errors of [Parse] match.
var ErrMalformed = errors.New("authres: malformed field")

// maxParts is the number of results and properties in one field that Parse returns. Real
// fields have fewer than a hundred.
const maxParts = 1000

// Parse reads the value of an Authentication-Results field of any host. The value may be
// folded, with lines separated by LF or CRLF.
//
// If the value breaks the grammar of RFC 8601, Parse returns an error for the first place
// that does so, and the Field has everything that can be read nevertheless. That may be a
// field without an ID, as some hosts write it. A caller that trusts a field must not accept
// one with an error: other programs may read it differently.
//
// The grammar leaves open which methods, results and properties there are, and Parse takes
// all of them. It also takes an empty result between two semicolons or at the end, a property
// without a type, dots in its name, and values that need quotes and have none. Parse returns
// 1,000 results and properties at most, and an error if there are more.
func Parse(value string) (Field, error) {
	p := parser{scanner: scanner{text: value}}
	p.id()
	for !p.end() && p.parts < maxParts {
		p.result()
	}
	if !p.end() {
		p.fail("more than %d results and properties", maxParts)
	}
	return p.field, p.err
}

// parser reads a field.
type parser struct {
	scanner
	field Field
	parts int // that were read
	err   error
}

// fail keeps the first error.
func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
}

// space reads white space and comments.
func (p *parser) space() {
	if !p.skip() {
		p.fail("a comment does not end")
	}
}

// id reads the authserv-id and the version. If the field begins with a result, it has none.
func (p *parser) id() {
	p.space()
	begin := p.at
	id := p.authservID()
	if id.text == "" || id.isResult {
		p.at = begin
		p.fail("there is no authserv-id")
		return
	}
	p.field.ID, p.field.Version = id.text, id.version
	if !id.ok {
		p.fail("the authserv-id is not a word or a quoted string")
	}
	if p.space(); !p.end() && p.peek() != ';' {
		p.fail("text follows the authserv-id")
		p.toNext()
	}
}

// toNext skips the rest of a result.
func (p *parser) toNext() {
	for !p.end() && p.peek() != ';' {
		p.space()
		if _, ok := p.value(); !ok {
			p.fail("a quoted string does not end")
		}
		p.space()
	}
}

// result reads one result with the semicolon before it.
func (p *parser) result() {
	p.take(';')
	p.space()
	if p.end() || p.peek() == ';' {
		return
	}
	var r Result
	r.Method, r.Version = p.method()
	switch {
	case p.take('='):
		p.space()
		r.Value = lower(p.run(blank + `;("`))
	case r.Method == "none" && (p.end() || p.peek() == ';'):
		if len(p.field.Results) > 0 {
			p.fail("none stands beside results")
		}
		return
	}
	if r.Method == "" || r.Value == "" {
		p.fail("a result has no method or no value")
	}
	p.parts++
	p.properties(&r)
	if r.Method != "" {
		p.field.Results = append(p.field.Results, r)
	}
}

// method reads a method and its version.
func (p *parser) method() (name, version string) {
	name = lower(p.run(blank + `;("=/`))
	p.space()
	if p.take('/') {
		p.space()
		if version = p.digits(); version == "" {
			p.fail("the version of a method is not a number")
		}
		p.space()
	}
	return name, version
}

// properties reads the reason and the properties of a result.
func (p *parser) properties(r *Result) {
	for p.space(); !p.end() && p.peek() != ';' && p.parts < maxParts; p.space() {
		p.parts++
		p.property(r)
	}
}

// property reads one property, or the reason.
func (p *parser) property(r *Result) {
	begin := p.at
	prop := p.propertyName()
	if !p.take('=') {
		p.fail("a property has no value")
		if p.at == begin {
			_, _ = p.value() // a quoted string, or a byte that begins nothing
		}
		return
	}
	p.space()
	text, ok := p.value()
	switch {
	case !ok:
		p.fail("a quoted string does not end")
	case text == "":
		p.fail("a property has no value")
	case prop.Name == "":
		p.fail("a property has no name")
		return
	}
	prop.Value = text
	if prop.Type == "" && prop.Name == "reason" {
		r.Reason = text
		return
	}
	r.Properties = append(r.Properties, prop)
}

// propertyName reads the type and the name of a property. What stands before the first dot is
// the type.
func (p *parser) propertyName() (prop Property) {
	const stop = blank + `;("=.`
	first := lower(p.run(stop))
	p.space()
	if !p.take('.') {
		return Property{Name: first}
	}
	var name strings.Builder
	for {
		p.space()
		name.WriteString(lower(p.run(stop)))
		p.space()
		if !p.take('.') {
			return Property{Type: first, Name: name.String()}
		}
		name.WriteByte('.')
	}
}
