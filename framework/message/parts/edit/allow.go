package edit

import (
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// Allow is a set of changes that an editor refuses by default.
type Allow uint

const (
	// BesideSigned allows changes in a message that has a signed or encrypted part.
	// Each change must leave every byte of that part alone, or remove or replace the
	// whole part. The signature stays valid, but mail readers may show the message as
	// partly signed, or as not signed.
	BesideSigned Allow = 1 << iota
	// InSigned allows changes within a signed or encrypted part, and what BesideSigned
	// allows. A change within the part breaks the signature, or makes the encrypted
	// content unreadable.
	InSigned
	// InMessages allows changes of the parts of attached messages.
	InMessages
	// Unreadable allows changes of a message with a flaw of [parts.Unreadable].
	// Some reader may still see what was removed, and not see what was added.
	Unreadable
)

// isSecured reports whether a part is signed or encrypted by what its header says.
func isSecured(p *parts.Part) bool {
	switch p.Type {
	case "multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime",
		"application/pgp-encrypted", "application/pgp", "application/x-pgp-message":
		return true
	}
	for _, name := range p.Names { // RFC 8551 section 3.9: for agents that do not know the type
		if strings.HasSuffix(ascii.ToLower(name), ".p7m") {
			return true
		}
	}
	return false
}

// area is a message in the message: the message itself, or one of those attached.
type area int

const (
	outermost area = iota // the message itself
	attached              // any attached message
	areas
)

// areaOf returns the message that a part belongs to.
func areaOf(p *parts.Part) area {
	for q := p.Parent; q != nil; q = q.Parent {
		if q.IsMessage() {
			return attached
		}
	}
	return outermost
}

// guard decides whether changes are allowed. What the editor meets later may forbid a
// change that it has already made: then Read fails.
type guard struct {
	allow   Allow
	edited  [areas]*parts.Part // the first part that was changed
	secured [areas]*parts.Part // the first part that is signed or encrypted
}

// meet notes a part that is signed or encrypted.
func (g *guard) meet(p *parts.Part) error {
	in := areaOf(p)
	if g.secured[in] == nil {
		g.secured[in] = p
	}
	return g.beside(in)
}

// beside returns an error if a message was changed beside a signed part.
func (g *guard) beside(in area) error {
	if g.edited[in] != nil && g.secured[in] != nil && g.allow&(BesideSigned|InSigned) == 0 {
		return partError(g.secured[in], ErrSigned)
	}
	return nil
}

// change notes that a part is changed, and returns an error if it must not be.
func (g *guard) change(p *parts.Part, c *Change) error {
	in := areaOf(p)
	if in == attached && g.allow&InMessages == 0 {
		return partError(p, ErrAttached)
	}
	if g.edited[in] == nil {
		g.edited[in] = p
	}
	if g.allow&InSigned == 0 {
		for q := p; q != nil; q = q.Parent {
			if isSecured(q) && (q != p || c.isInner()) {
				return partError(q, ErrSigned)
			}
		}
	}
	return g.beside(in)
}

// flaws returns an error if flaws forbid the changes so far.
func (g *guard) flaws(flaws parts.Flaws) error {
	if !flaws.Unreadable() || g.allow&Unreadable != 0 {
		return nil
	}
	for _, p := range g.edited {
		if p != nil {
			return partError(p, ErrUnreadable)
		}
	}
	return nil
}

func partError(p *parts.Part, err error) error {
	return &PartError{Path: p.Path(), Type: p.Type, Err: err}
}
