package parts

import "bytes"

// softLine looks at what is behind a CR without LF, which some readers take for the end
// of a line: a delimiter there would divide the message for them. It sees the lines of
// multiparts in fragments and remembers the beginning of what is behind the last CR.
type softLine struct {
	buf    []byte
	active bool
}

// line looks at a whole line.
func (s *softLine) line(w *Walker, line []byte) {
	if w.children > 0 {
		s.feed(w, line)
		s.end(w)
	}
}

// feed looks at a fragment of a line.
func (s *softLine) feed(w *Walker, p []byte) {
	for w.children > 0 && len(p) > 0 {
		if !s.active {
			i := bytes.IndexByte(p, '\r')
			if i < 0 {
				return
			}
			s.active, p = true, p[i+1:]
			continue
		}
		n := bytes.IndexByte(p, '\r')
		text := p
		if n >= 0 {
			text = p[:n]
		}
		s.buf = append(s.buf, text[:min(len(text), w.limits.line()-len(s.buf))]...)
		if !couldBeHyphens(s.buf) {
			s.buf, s.active = s.buf[:0], false
		}
		p = p[len(text):]
		if n >= 0 {
			s.end(w)
			continue
		}
	}
}

// end looks at what was remembered, because the line ends, or another CR follows.
func (s *softLine) end(w *Walker) {
	if !s.active {
		return
	}
	for i := range w.open {
		if d := w.open[i].delimiter; d != "" && len(s.buf) >= len(d) && string(s.buf[:len(d)]) == d {
			w.flag(w.open[i].part, LooseDelimiter)
		}
	}
	s.buf, s.active = s.buf[:0], false
}

func couldBeHyphens(p []byte) bool {
	return len(p) == 0 || p[0] == '-' && (len(p) == 1 || p[1] == '-')
}
