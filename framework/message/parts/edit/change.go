package edit

import (
	"io"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// Change is what an editor does with a part. The zero value leaves the part as it is.
// Of Remove, Replace and Transform one at most may be set.
type Change struct {
	// Remove takes the part out, with all parts in it. The message itself and the
	// message in a message/rfc822 part cannot be removed. If no part is left of a
	// multipart, the editor writes a text part in its place: see [Config.Empty].
	Remove bool
	// Replace writes another header and content in place of those of the part,
	// and of all parts in it.
	Replace *Part
	// Transform returns the new content of the part. It is called when the old
	// content is to be written. Both are encoded as the header of the part says:
	// see [Decode] and [Encode]. A Transform reads as much of old as it wants, and
	// only while its result is read. The line break before the next delimiter
	// belongs to neither. An error of its result is an error of the editor.
	//
	// If the part is a multipart or a message, old is all that is in it.
	Transform func(old io.Reader) io.Reader
	// Fields are changes of the part's header. A field replaces all fields of its
	// name, and its value is folded. With an empty value the fields are deleted.
	// The fields that describe the content of a multipart or of a message cannot
	// be changed. Those of the message itself are in [Editor.Header].
	Fields []parts.Field

	// Before and After are parts to write beside the part, in the multipart that
	// contains it. Beside the message itself there is no place: then the message
	// becomes a multipart/mixed that contains the old content as a part.
	Before, After []*Part
	// Append are parts to write behind the last part of a multipart.
	Append []*Part
}

// isZero reports whether nothing is to be changed.
func (c *Change) isZero() bool {
	return !c.Remove && c.Replace == nil && c.Transform == nil && len(c.Fields)+len(c.Before)+len(c.After)+len(c.Append) == 0
}

// isWhole reports whether the part with all in it goes.
func (c *Change) isWhole() bool { return c.Remove || c.Replace != nil }

// isInner reports whether something within the part changes.
func (c *Change) isInner() bool { return c.Transform != nil || len(c.Fields)+len(c.Append) > 0 }

// check returns an error if the part cannot be changed so.
func (c *Change) check(p *parts.Part) error {
	switch {
	case c.isWhole() && c.isInner(), c.Remove && c.Replace != nil:
		return ErrChange
	case c.Remove && p.Parent == nil, len(c.Before)+len(c.After) > 0 && p.Parent == nil && c.isWhole():
		return ErrMessage
	case p.Parent != nil && (c.Remove || len(c.Before)+len(c.After) > 0) && !p.Parent.IsMultipart():
		return ErrNoMultipart
	case len(c.Append) > 0 && (!p.IsMultipart() || p.Flaws&(parts.NoBoundary|parts.BoundaryTooLong|parts.TooDeep) != 0):
		return ErrNoMultipart
	case c.isInner() && p.Flaws&parts.NoBlankLine != 0,
		c.Replace != nil && p.Parent != nil && p.Parent.IsMessage() && p.Parent.Flaws&parts.NoBlankLine != 0:
		return ErrNoContent
	}
	if err := checkFields(c.Fields, p); err != nil {
		return err
	}
	for _, list := range [][]*Part{c.Before, c.After, c.Append, {c.Replace}} {
		for _, n := range list {
			if err := n.check(); err != nil {
				return err
			}
		}
	}
	return nil
}
