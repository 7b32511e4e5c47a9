package banner

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// Types that get the banner.
const (
	typeText = "text/plain"
	typeHTML = "text/html"
)

// Types of multiparts of which readers show one part as the text.
const (
	alternative = "multipart/alternative"
	related     = "multipart/related"
)

// chooser chooses the parts of a message that get the banner: those of which a reader
// shows one as the text of the message. It is told the parts in their order.
type chooser struct {
	texts map[*parts.Part]int // the number of the part with the text, for each multipart/mixed
}

func newChooser() *chooser { return &chooser{texts: make(map[*parts.Part]int)} }

// choose reports whether a part gets the banner.
func (c *chooser) choose(p *parts.Part) bool {
	if p.Type != typeText && p.Type != typeHTML || isAttachment(p) || p.Flaws&parts.NoBlankLine != 0 {
		return false
	}
	for q := p; q.Parent != nil; q = q.Parent {
		if !c.leads(q) {
			return false
		}
	}
	for q := p; q.Parent != nil; q = q.Parent {
		c.texts[q.Parent] = q.Number
	}
	return true
}

// isAttachment reports whether a reader shows a part as a file. A name alone makes a file
// of a part beside others. An alternative, the root of a multipart/related and the only
// part of a message are shown as the text, whatever their names are.
func isAttachment(p *parts.Part) bool {
	if p.Disposition != "" && p.Disposition != "inline" {
		return true
	}
	return len(p.Names) > 0 && p.Parent != nil && p.Parent.Type != alternative && p.Parent.Type != related
}

// leads reports whether the text of a multipart may be in one of its parts.
func (c *chooser) leads(p *parts.Part) bool {
	above := p.Parent
	if above.IsMessage() || isAttachment(p) && !p.IsMultipart() {
		return false
	}
	switch above.Type {
	case alternative:
		return true // every one
	case "multipart/digest":
		return false
	case related:
		return isRoot(p)
	}
	return c.texts[above] == 0 || c.texts[above] == p.Number
}

// isRoot reports whether a part of a multipart/related is its root: the one that the
// parameter start names (RFC 2387 section 3.2), or the first, which some readers take in
// any case.
func isRoot(p *parts.Part) bool {
	start := strings.Trim(p.Parent.Param("start"), " \t<>")
	return p.Number == 1 || start != "" && start == contentID(p)
}

func contentID(p *parts.Part) string {
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, "Content-ID") {
			return strings.Trim(f.Value, " \t<>")
		}
	}
	return ""
}
