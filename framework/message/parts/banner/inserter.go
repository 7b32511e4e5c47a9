package banner

import "io"

// maxHeld is how much of a part's content, encoded, is kept in memory: the end of the
// text from the place that may be the right one. A signature or what follows </body> is
// far shorter.
const maxHeld = 4 << 10

// spot is a place in the content: before a byte of the text of a unit.
type spot struct {
	at   int    // where the unit begins in what is held
	size int    // of the unit's raw bytes
	text []byte // of the unit, in base64
	cut  int    // how many bytes of the text are before the spot
	mid  bool   // the unit does not begin a line of the encoded content
}

// inserter writes the content of a part with the banner in it. All bytes of the content
// stay, but for the group of base64 that the banner divides.
type inserter struct {
	out     io.Writer
	units   splitter
	place   place
	form    form
	marker  marker
	shift   shift
	banner  rendering
	top     bool
	lineEnd bool // a banner in an empty text gets a line end

	held     []byte
	maybe    *spot // a place that is yet to be found
	chosen   *spot // the last one that was
	inserted bool
	text     tail
	last     byte // the last raw byte, or 0 at the beginning
	bareLF   bool // the last line of the content ends with LF, without CR
	soft     bool // the content ends with the "=" of a soft line break
	owed     bool // a line end, before more content
	broken   bool // the encoding is, behind the banner: there it does not matter
	err      error
}

// Write takes content of the part, cut anywhere.
func (i *inserter) Write(p []byte) (int, error) {
	for n := range p {
		if i.err != nil {
			return n, i.err
		}
		if i.isDone() {
			i.emit(p[n:])
			break
		}
		i.byte(p[n])
	}
	i.flush()
	return len(p), i.err
}

// isDone reports whether nothing of what follows matters.
func (i *inserter) isDone() bool {
	return i.broken || i.inserted && i.marker.word == "" && !i.banner.labels
}

// usualFlush is how much is written at once.
const usualFlush = 1 << 10

func (i *inserter) byte(c byte) {
	u, whole, err := i.units.next(c)
	switch {
	case err != nil && i.inserted:
		i.flush()
		i.emit(append(i.units.rest().raw, c))
		i.broken = true
	case err != nil:
		i.err = err
	case whole:
		i.unit(u)
		i.expire()
		if len(i.held) > usualFlush {
			i.flush()
		}
	}
}

// Close takes the end of the content. It does not close what i writes to.
func (i *inserter) Close() error {
	if i.err != nil || i.broken {
		return i.err
	}
	before := i.last
	u := i.units.rest()
	i.unit(u)
	switch {
	case i.inserted:
		i.emit(i.held)
	case i.chosen != nil:
		i.insert(i.chosen, i.between())
	case i.form.isCut(u):
		s := newSpot(len(i.held)-len(u.raw), u, len(u.text), before)
		i.insert(s, i.atEnd())
	default:
		i.soft = len(u.raw) > len(u.text)
		i.insert(&spot{at: len(i.held), mid: i.last != 0 && i.last != '\n'}, i.atEnd())
	}
	return i.err
}

// newSpot returns a spot in a unit; before is the raw byte before it.
func newSpot(at int, u unit, cut int, before byte) *spot {
	s := &spot{at: at, size: len(u.raw), cut: cut, mid: before != 0 && before != '\n'}
	s.text = append(s.text, u.text...)
	return s
}

// unit looks at a unit and adds it to what is held.
func (i *inserter) unit(u unit) {
	found := false
	for n, c := range u.text {
		i.marker.next(c)
		i.text.next(c)
		if !i.inserted && !found {
			found = i.look(u, n, c) && i.top
		}
	}
	i.held = append(i.held, u.raw...)
	for _, c := range u.raw {
		if c == '\n' {
			i.bareLF = i.last != '\r'
		}
		i.last = c
	}
	if found {
		i.insert(i.chosen, i.between())
	}
}

// look looks at the n-th byte of a unit's text, and reports whether a place was found.
func (i *inserter) look(u unit, n int, c byte) (found bool) {
	c, ok := i.shift.next(c)
	if !ok {
		return false
	}
	m := i.place.next(c)
	if m&begins != 0 || m&isFound != 0 && i.top && i.maybe == nil {
		i.maybe = newSpot(len(i.held), u, n, i.last)
	}
	switch {
	case m&isFound != 0 && i.maybe != nil && !i.isHidden(i.maybe):
		i.chosen, i.maybe, found = i.maybe, nil, true
	case m == lost:
		i.maybe = nil
	}
	return found
}

// isHidden reports whether a signature in quoted-printable does not begin a line of the
// content, because the line end before it is encoded. Behind a banner it would begin one,
// and might be a delimiter there.
func (i *inserter) isHidden(s *spot) bool {
	_, quoted := i.form.(quotedForm)
	return quoted && s.mid && !i.banner.html
}

// expire forgets places that too much is behind.
func (i *inserter) expire() {
	if i.chosen != nil && len(i.held)-i.chosen.at > maxHeld {
		i.chosen = nil
	}
	if i.maybe != nil && len(i.held)-i.maybe.at > maxHeld {
		i.maybe = nil
	}
}

// flush writes what need not be held: what is before the places that may be the right one.
func (i *inserter) flush() {
	n := i.firstSpot()
	if n == 0 {
		return
	}
	i.emit(i.held[:n])
	i.held = append(i.held[:0], i.held[n:]...)
	for _, s := range []*spot{i.chosen, i.maybe} {
		if s != nil {
			s.at -= n
		}
	}
}

// firstSpot returns where the first spot is in what is held.
func (i *inserter) firstSpot() int {
	switch {
	case i.chosen != nil:
		return i.chosen.at
	case i.maybe != nil:
		return i.maybe.at
	}
	return len(i.held)
}

// insert writes what is held with the banner, in lines that end with LF, at the spot.
func (i *inserter) insert(s *spot, text string) {
	unit, rest := i.held[s.at:s.at+s.size], i.held[s.at+s.size:]
	i.emit(i.held[:s.at])
	i.form.insert(i, s, unit, text)
	i.emit(rest)
	i.held, i.inserted, i.chosen, i.maybe = i.held[:0], true, nil, nil
}

// emit writes encoded content.
func (i *inserter) emit(p []byte) {
	if len(p) == 0 || i.err != nil {
		return
	}
	if i.owed && p[0] != '\r' && p[0] != '\n' {
		_, i.err = io.WriteString(i.out, i.eol())
	}
	i.owed = false
	if i.err == nil {
		_, i.err = i.out.Write(p)
	}
}

// eol returns the line end of the content.
func (i *inserter) eol() string {
	if i.bareLF {
		return "\n"
	}
	return "\r\n"
}
