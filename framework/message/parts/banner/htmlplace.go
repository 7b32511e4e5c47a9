package banner

import "slices"

// htmlState is where in the syntax of HTML a scanner is.
type htmlState int

const (
	inText        htmlState = iota
	tagOpen                 // behind "<"
	endTagOpen              // behind "</"
	tagName                 //
	inTag                   // between attributes
	attributeName           //
	behindName              // in white space behind the name of an attribute
	beforeValue             // behind the "=" of an attribute
	inValue                 // in a value without quotes
	inQuotes                //
	declaration             // behind "<!"
	halfComment             // behind "<!-"
	bogus                   // in what ends with the next ">", such as <!doctype html>
	inComment               //
	rawText                 // in a script, a style sheet, a title
	rawTagOpen              // behind "<" there
	rawEndTag               // in the name of an end tag there
)

// htmlPlace finds the place for a banner in HTML. At the top it is behind <body …>, or
// where the parser of a browser begins a body without that tag. At the bottom it is
// before the last </body>, or </html> without one. It knows the rules of the HTML
// standard, section 13.2.5, for tags, comments and raw text, and none for elements.
// Where it differs from a browser, a sender can hide the banner.
type htmlPlace struct {
	top      bool
	shifts   bool // the text is in ISO-2022-JP: see [shift]
	state    htmlState
	name     []byte // of the tag, in lower case
	endTag   bool
	quote    byte
	raw      string // the element whose text is raw
	script   scriptText
	hyphens  int  // in a row, in a comment
	started  bool // the comment has text
	bang     bool // the comment has "--!" right before
	due      bool // the tag <body> was the last
	hasBody  bool // </body> was there
	position int  // to find a byte order mark
}

// longestName is the length of the longest name of a tag that matters, and one more.
const longestName = 12

// rawElements are the elements in whose text only their own end tag ends it.
func rawElements() []string {
	return []string{"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext"}
}

// headElements are the start tags that come before a body.
func headElements() []string {
	return []string{"html", "head", "title", "meta", "link", "base", "style", "script", "basefont", "bgsound"}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// next implements [place].
func (h *htmlPlace) next(c byte) mark {
	h.position++
	switch {
	case h.due:
		return begins | isFound
	case h.shifts && c == escape && h.state != inText:
		return 0 // it is no character
	}
	switch h.state {
	case inText:
		return h.text(c)
	case tagOpen, endTagOpen:
		return h.open(c)
	case tagName:
		return h.inName(c)
	case inTag, attributeName, behindName, beforeValue, inValue, inQuotes:
		h.attribute(c)
	case rawText, rawTagOpen, rawEndTag:
		h.rawText(c)
	default:
		h.comment(c)
	}
	return 0
}

func (h *htmlPlace) text(c byte) mark {
	switch {
	case c == '<':
		h.state, h.endTag, h.name = tagOpen, false, h.name[:0]
		return begins
	case h.top && !isBlank(c) && !h.isOrderMark(c):
		return begins | isFound
	}
	return 0
}

// isOrderMark reports whether a byte is of a byte order mark in UTF-8 at the beginning.
func (h *htmlPlace) isOrderMark(c byte) bool {
	return h.position <= 3 && c == "\xef\xbb\xbf"[h.position-1]
}

// open looks at the byte behind "<" or "</".
func (h *htmlPlace) open(c byte) mark {
	switch {
	case isLetter(c):
		h.state = tagName
		h.addToName(c)
		return 0
	case h.state == tagOpen && c == '/':
		h.state, h.endTag = endTagOpen, true
		return 0
	case h.state == tagOpen && c == '!':
		h.state = declaration
		return lost
	case h.state == tagOpen && c == '?', h.state == endTagOpen && c != '>':
		h.state = bogus
		return lost
	case h.state == endTagOpen:
		h.state = inText // "</>" is nothing
		return lost
	}
	h.state = inText // the "<" is text
	if h.top {
		return isFound
	}
	return lost | h.text(c)
}

func (h *htmlPlace) addToName(c byte) {
	if len(h.name) < longestName {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		h.name = append(h.name, c)
	}
}

func (h *htmlPlace) inName(c byte) mark {
	if !isBlank(c) && c != '/' && c != '>' {
		h.addToName(c)
		return 0
	}
	h.state = inTag
	h.attribute(c)
	return h.tag(string(h.name))
}

// tag says what the name of a tag means for the place.
func (h *htmlPlace) tag(name string) mark {
	switch {
	case h.top && h.endTag && (name == "body" || name == "html" || name == "br"):
		return isFound
	case h.top:
		if h.endTag || name == "body" || slices.Contains(headElements(), name) {
			return lost
		}
		return isFound
	case h.endTag && name == "body":
		h.hasBody = true
		return isFound
	case h.endTag && name == "html" && !h.hasBody:
		return isFound
	}
	return lost
}

func (h *htmlPlace) attribute(c byte) {
	switch {
	case h.state == inQuotes:
		if c == h.quote {
			h.state = inTag
		}
	case c == '>':
		h.endOfTag()
	case h.state == beforeValue || h.state == inValue:
		h.value(c)
	case c == '/':
		h.state = inTag
	case isBlank(c):
		if h.state == attributeName {
			h.state = behindName
		}
	case c == '=' && h.state != inTag: // between attributes it begins a name
		h.state = beforeValue
	default:
		h.state = attributeName
	}
}

// value looks at a byte of a value without quotes, or before a value.
func (h *htmlPlace) value(c byte) {
	switch {
	case h.state == beforeValue && (c == '"' || c == '\''):
		h.state, h.quote = inQuotes, c
	case !isBlank(c):
		h.state = inValue
	case h.state == inValue:
		h.state = inTag
	}
}

func (h *htmlPlace) endOfTag() {
	h.state = inText
	if h.endTag {
		return
	}
	name := string(h.name)
	h.due = h.top && name == "body"
	if slices.Contains(rawElements(), name) {
		h.state, h.raw, h.script = rawText, name, scriptText{}
	}
}

// comment looks at a byte of a comment, and of what begins like one.
func (h *htmlPlace) comment(c byte) {
	switch {
	case h.state == inComment:
		h.inComment(c)
	case c == '>':
		h.state = inText
	case h.state == declaration && c == '-':
		h.state = halfComment
	case h.state == halfComment && c == '-':
		h.state, h.hyphens, h.started, h.bang = inComment, 2, false, false
	default:
		h.state = bogus
	}
}

func (h *htmlPlace) inComment(c byte) {
	switch {
	case c == '>' && (h.hyphens >= 2 || h.bang):
		h.state = inText
	case c == '-':
		h.hyphens, h.bang = h.hyphens+1, false
	default:
		h.bang = c == '!' && (h.hyphens >= 4 || h.hyphens >= 2 && h.started)
		h.hyphens, h.started = 0, true
	}
}

func (h *htmlPlace) rawText(c byte) {
	whole := string(h.name) == h.raw && (isBlank(c) || c == '/' || c == '>') && !h.script.hidesEnd()
	if h.raw == "script" {
		h.script.next(c)
	}
	switch {
	case h.raw == "plaintext":
	case c == '<':
		h.state = rawTagOpen
	case h.state == rawTagOpen && c == '/':
		h.state, h.name = rawEndTag, h.name[:0]
	case h.state == rawEndTag && isLetter(c):
		h.addToName(c)
	case h.state == rawEndTag && whole:
		h.state, h.endTag = inTag, true
		h.attribute(c)
	default:
		h.state = rawText
	}
}

// close implements [place].
func (h *htmlPlace) close() string {
	switch h.state {
	case inText, tagOpen:
		return ""
	case inComment:
		return "-->"
	case rawText, rawTagOpen, rawEndTag:
		return h.script.close() + endTag(h.raw)
	case inQuotes:
		return string(h.quote) + ">" + h.closeStarted()
	case tagName, inTag, attributeName, behindName, beforeValue, inValue:
		return ">" + h.closeStarted()
	}
	return ">"
}

// closeStarted returns what ends the raw text that the current tag begins, if it does.
func (h *htmlPlace) closeStarted() string {
	if name := string(h.name); !h.endTag && slices.Contains(rawElements(), name) {
		return endTag(name)
	}
	return ""
}

func endTag(name string) string { return "</" + name + ">" }
