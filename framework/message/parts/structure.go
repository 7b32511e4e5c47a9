package parts

import (
	"bytes"
	"strings"
)

// level is a multipart or a message that is open.
type level struct {
	part      *Part
	delimiter string // with its hyphens; empty for a message
	number    int    // of parts so far
	ended     bool   // the closing delimiter was there
	overfull  bool   // parts are being skipped
	longer    bool   // the boundary begins with that of another open multipart
}

// crossing is what a delimiter does: it ends what is in the multipart at an index of
// the open levels, and begins another part unless it closes the multipart.
type crossing struct {
	level  int
	closes bool
}

// enter tells a part whose header is complete, and enters it. Its content begins at an
// offset.
func (w *Walker) enter(p *Part, fields []Field, at int64) {
	p.Fields, p.Content, p.End = fields, at, at
	w.leaf, w.eol, w.mid, w.cr = p, nil, false, false
	w.count++
	flaws := p.describe(p.defaultType())
	boundary, broken := w.boundary(p)
	flaws |= broken
	if p.Flaws&NoBlankLine != 0 {
		flaws &^= ofStructure
	}
	w.flag(p, flaws)
	if w.handler.Begin != nil && w.err == nil {
		w.err = w.handler.Begin(p)
	}
	switch {
	case boundary != "":
		w.push(level{part: p, delimiter: "--" + boundary, longer: w.markLonger("--" + boundary)})
		w.children++
		w.leaf, w.mode = nil, skip
	case p.isOpened():
		w.push(level{part: p})
		w.beginPart(at, at)
	default:
		w.mode = content
	}
}

// ofStructure contains the flaws that make readers find other parts in the content of a
// part. If there is none, they do not matter.
const ofStructure = NoBoundary | BoundaryTooLong | AmbiguousBoundary | BoundaryClash | AmbiguousType | EncodedStructure

func (w *Walker) push(l level) { w.open = append(w.open, l) }

// boundary returns the boundary of a multipart that the walker enters, or "".
func (w *Walker) boundary(p *Part) (boundary string, flaws Flaws) {
	if !p.IsMultipart() && !p.IsMessage() {
		return "", 0
	}
	if p.isEncoded() {
		flaws |= EncodedStructure
	}
	if len(w.open) >= w.limits.Depth {
		return "", flaws | TooDeep
	}
	if p.IsMessage() {
		return "", flaws
	}
	boundary = p.Boundary()
	switch {
	case boundary == "":
		return "", flaws | NoBoundary
	case len(boundary) > w.limits.Boundary:
		return "", flaws | BoundaryTooLong
	}
	for i := range w.open {
		if clashes(p, "--"+boundary, &w.open[i]) {
			flaws |= BoundaryClash
		}
	}
	return boundary, flaws
}

// clashes reports whether the delimiter of a multipart makes readers that compare no more
// than the beginning of a line (RFC 2046 section 5.1.1) find other parts in it and in an
// open level. Mailers write boundaries such as "=_b" and "=_b_alt". Each delimiter of the
// longer begins a part for such a reader too, the same one, though in the other multipart.
// So it matters if the default type of parts differs there, and if the rest of the longer
// looks like the end of a closing delimiter. The closing delimiter of the longer begins a
// part for such a reader: see [Walker.cross].
func clashes(p *Part, delimiter string, l *level) bool {
	short, long := l.delimiter, delimiter
	if len(short) > len(long) {
		short, long = long, short
	}
	rest, ok := strings.CutPrefix(long, short)
	return ok && short != "" && (rest == "" || strings.HasPrefix(rest, "--") ||
		p.Type == digest || l.part.Type == digest)
}

// markLonger reports whether a delimiter begins with that of an open level, and marks the
// levels whose delimiter begins with it.
func (w *Walker) markLonger(delimiter string) (longer bool) {
	for i := range w.open {
		l := &w.open[i]
		if l.delimiter != "" {
			longer = longer || strings.HasPrefix(delimiter, l.delimiter)
			l.longer = l.longer || strings.HasPrefix(l.delimiter, delimiter)
		}
	}
	return longer
}

// beginPart begins a part of the innermost open level, whose delimiter and header begin
// at two offsets.
func (w *Walker) beginPart(delimiter, begin int64) {
	l := &w.open[len(w.open)-1]
	if w.count >= w.limits.Parts {
		l.overfull = true
		w.flag(l.part, TooManyParts)
		w.leaf, w.mode = nil, skip
		return
	}
	l.number++
	w.leaf = &Part{Parent: l.part, Number: l.number, Delimiter: delimiter, Header: begin}
	w.mode = header
}

// endHeaders ends the header of the current part without an empty line. If the part is a
// message, it has no header in it either.
func (w *Walker) endHeaders(at int64) {
	for w.mode == header {
		w.endHeader(at, NoBlankLine)
	}
}

// delimiter handles a line of a header that is a delimiter, and reports whether it is
// one.
func (w *Walker) delimiter(line []byte, whole bool, begin, end int64) bool {
	if !w.isSpecial(line) {
		return false
	}
	to, ok := w.match(line, whole && len(line) <= w.limits.line())
	if !ok {
		return false
	}
	w.lines.drop()
	w.endHeaders(begin)
	w.cross(to, begin, end)
	return true
}

// isSpecial reports whether a line may be a delimiter or begin a uuencoded file.
func (w *Walker) isSpecial(line []byte) bool {
	return w.children > 0 && len(line) > 1 && line[0] == '-' && line[1] == '-' ||
		w.mode == content && len(line) > len(uuBegin) && line[0] == 'b'
}

// maySpecial reports whether a line that begins so may be special.
func (w *Walker) maySpecial(begin []byte) bool {
	if len(begin) == 0 {
		return true
	}
	if w.children > 0 && begin[0] == '-' {
		return len(begin) == 1 || begin[1] == '-'
	}
	n := min(len(begin), len(uuBegin))
	return w.mode == content && string(begin[:n]) == uuBegin[:n]
}

// match returns what a line does if it is a delimiter of an open multipart. The
// innermost counts. A line that is not whole is none.
func (w *Walker) match(line []byte, whole bool) (to crossing, ok bool) {
	if len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return crossing{}, false
	}
	line = line[:min(len(line), w.limits.line())]
	loose := -1
	for i := len(w.open) - 1; i >= 0; i-- {
		l := &w.open[i]
		if l.delimiter == "" || len(line) < len(l.delimiter) || string(line[:len(l.delimiter)]) != l.delimiter {
			continue
		}
		if whole {
			switch string(bytes.TrimRight(line[len(l.delimiter):], " \t\r\n")) {
			case "":
				return crossing{level: i}, true
			case "--":
				return crossing{level: i, closes: true}, true
			}
		}
		loose = i
	}
	if loose >= 0 {
		w.flag(w.open[loose].part, LooseDelimiter)
	}
	w.lookalike(line)
	return crossing{}, false
}

// lookalike notes a line that looks like a delimiter before the first part of a
// multipart.
func (w *Walker) lookalike(line []byte) {
	if n := len(w.open); w.mode == skip && n > 0 {
		if l := &w.open[n-1]; l.number == 0 && !l.ended && len(bytes.TrimRight(line, "- \t\r\n")) > 0 {
			l.part.looksDivided = true
		}
	}
}

// cross handles a delimiter, whose line begins and ends at two offsets.
func (w *Walker) cross(to crossing, begin, end int64) {
	w.endAbove(to.level, begin-int64(len(w.eol)), begin)
	w.eol, w.mid, w.cr, w.behind = nil, false, false, nil
	l := &w.open[to.level]
	if to.closes {
		if !l.ended {
			w.closing(l.part, begin)
		}
		l.ended = true
		w.leaf, w.mode = nil, skip
		if l.longer {
			w.behind = l.part
		}
		return
	}
	if l.ended {
		w.flag(l.part, PartsAfterEnd)
	}
	w.beginPart(begin, end)
}

// endAbove ends the current leaf and all levels above one. Their contents end at an
// offset, before the delimiter that comes next.
func (w *Walker) endAbove(keep int, end, next int64) {
	if w.leaf != nil {
		w.end(w.leaf, end, next)
		w.leaf = nil
	}
	for i := len(w.open) - 1; i > keep; i-- {
		l := w.open[i]
		w.open[i] = level{}
		w.open = w.open[:i]
		if l.delimiter != "" {
			w.children--
			w.endMultipart(l)
			if !l.ended {
				w.closing(l.part, next)
			}
		}
		w.end(l.part, end, next)
	}
}

// endMultipart notes what is wrong with a multipart that ends.
func (w *Walker) endMultipart(l level) {
	if !l.ended {
		w.flag(l.part, Unclosed)
	}
	if l.number == 0 && l.part.looksDivided && !l.overfull {
		w.flag(l.part, NoParts)
	}
}

// closing tells that a multipart gets no more parts. Another would begin at an offset.
func (w *Walker) closing(p *Part, at int64) {
	p.Closing = at
	if w.handler.Closing != nil && w.err == nil {
		w.err = w.handler.Closing(p)
	}
}

func (w *Walker) end(p *Part, end, next int64) {
	p.End, p.Next = max(end, p.Content), next
	if w.handler.End != nil && w.err == nil {
		w.err = w.handler.End(p)
	}
}

// flag adds flaws to a part.
func (w *Walker) flag(p *Part, f Flaws) {
	p.Flaws |= f
	w.flaws |= f
}
