package banner

// scriptText follows the text of a script. In what looks like a comment there, an end tag
// of a script that began in it does not end the script (HTML standard, sections 13.2.5.20
// to 31).
type scriptText struct {
	opener  int         // the bytes of "<!--" that were there
	level   scriptLevel //
	hyphens int         // in a row, in the comment
	tag     scriptTag
	name    []byte // of the tag, in lower case
}

// scriptLevel is how deep in a comment the text of a script is.
type scriptLevel int

const (
	noComment    scriptLevel = iota
	escaped                  // behind "<!--"
	twiceEscaped             // behind "<script" there
)

// scriptTag is where in a tag the text of a script is.
type scriptTag int

const (
	noTag scriptTag = iota
	lessThan
	lessThanSlash
	inScriptTag // in its name
)

// hidesEnd reports whether "</script>" does not end the script.
func (s *scriptText) hidesEnd() bool { return s.level == twiceEscaped }

// close returns what has to be before an end tag, so that it ends the script.
func (s *scriptText) close() string {
	if s.level != noComment {
		return "-->"
	}
	return ""
}

func (s *scriptText) next(c byte) {
	const begin = "<!--"
	switch {
	case s.level != noComment:
		s.comment(c)
	case c == begin[s.opener]:
		if s.opener++; s.opener == len(begin) {
			*s = scriptText{level: escaped, hyphens: 2}
		}
	case c == '<':
		s.opener = 1
	default:
		s.opener = 0
	}
}

func (s *scriptText) comment(c byte) {
	if c == '>' && s.hyphens >= 2 {
		*s = scriptText{}
		return
	}
	if c == '-' {
		s.hyphens++
	} else {
		s.hyphens = 0
	}
	switch {
	case c == '<':
		s.tag, s.name = lessThan, s.name[:0]
	case s.tag == lessThan && c == '/' && s.level == twiceEscaped:
		s.tag = lessThanSlash
	case isLetter(c) && s.isNameNext():
		s.tag = inScriptTag
		if len(s.name) < longestName {
			s.name = append(s.name, c|0x20)
		}
	default:
		s.endTag(c)
	}
}

// isNameNext reports whether a letter is of the name of a tag.
func (s *scriptText) isNameNext() bool {
	return s.tag == inScriptTag || s.tag == lessThanSlash || s.tag == lessThan && s.level == escaped
}

// endTag ends the name of a tag. The start tag of a script leads one level deeper, and its
// end tag back.
func (s *scriptText) endTag(c byte) {
	ends := isBlank(c) || c == '/' || c == '>'
	if s.tag == inScriptTag && ends && string(s.name) == "script" {
		s.level = escaped + twiceEscaped - s.level
	}
	s.tag = noTag
}
