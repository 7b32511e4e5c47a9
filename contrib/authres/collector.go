package authres

import (
	"errors"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// Collector writes the results of a filter into the field that earlier filters of the same
// router wrote, so that a message gets one field with the results of all of them, in the
// order in which the filters are mounted. The first filter adds the field at the top. The MTA
// learns only of the field as the last filter left it. [NewCollector] creates a Collector.
//
// The filters need not know of each other. A filter joins the topmost field that an earlier
// filter added with the same ID, also if that filter does not use a Collector. The results of
// a filter that fails open, or that is mounted in a dry run, are not in the message and so in
// no field.
type Collector struct {
	// Headers, Add and Change are what the filter has asked for. Written is a slot of the
	// filter: it is true once the results of a message are written.
	Headers framework.KeptHeader
	Add     framework.HeaderAdder
	Change  framework.HeaderChanger
	Written framework.Slot[bool]
}

// ErrWritten is the error of a second call of [Collector.Write] for a message.
var ErrWritten = errors.New("authres: a filter writes results twice for a message; pass all results to one call of Write")

// NewCollector asks for what a filter needs to write results: the header, and the rights to
// add fields and to change them. Call it when the filter registers. A filter that has asked
// for these things itself makes a Collector of them.
func NewCollector(r *framework.Router) *Collector {
	return &Collector{
		Headers: r.WantHeaders(), Add: r.GrantAddHeader(), Change: r.GrantChangeHeader(), Written: framework.PerMessage[bool](r),
	}
}

// Write writes results with the given authserv-id. Call it once for a message, at the end of
// the message. Without results, the field says "none" unless earlier filters have results.
//
// The field is in ASCII, in the form of [Field.ASCII], which is right in every message. UTF-8
// is right only in a message that came with SMTPUTF8 (RFC 6532), and such a field would keep
// the message from hosts that do not know that extension.
//
// The error is that of [Format], or of the framework. A second call writes nothing and returns
// [ErrWritten]: a filter does not see what it has added itself, so there would be a second
// field.
func (c *Collector) Write(s *framework.Session, id string, results ...Result) error {
	field := Field{ID: id, Results: results}.ASCII()
	value, err := Format(field)
	switch written := c.Written.Get(s); {
	case err != nil:
		return err
	case *written:
		return ErrWritten
	default:
		*written = true
	}
	earlier, there, ok := c.earlier(s, id)
	if !ok {
		return c.Add.InsertTop(s, FieldName, value)
	}
	joined, err := join(earlier.Value, len(there.Results) == 0, value, field.Results)
	switch {
	case err != nil:
		return err
	case message.FieldValueProblem(joined) != "": // it is too long for one field
		return c.Add.InsertTop(s, FieldName, value)
	case joined == earlier.Value:
		return nil
	}
	return c.Change.Change(s, earlier.Handle, joined)
}

// earlier returns the topmost field of an earlier filter with the ID that can be extended, and
// its content.
func (c *Collector) earlier(s *framework.Session, id string) (framework.Field, Field, bool) {
	for f := range c.Headers.Named(s, FieldName) {
		if !f.Origin.Added() {
			continue
		}
		if there, err := Parse(f.Value); err == nil && there.Version == "" && sameHost(there.ID, id) {
			return f, there, true
		}
	}
	return framework.Field{}, Field{}, false
}

// join returns a field with results behind those that it has, unless it is empty. It leaves the
// text of these as it is. alone is the field with the new results only.
func join(value string, empty bool, alone string, results []Result) (string, error) {
	switch {
	case len(results) == 0:
		return value, nil
	case empty:
		return alone, nil
	}
	lines, err := formatResults(results)
	return strings.TrimRight(value, blank+";") + lines, err
}
