package headers

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// partList is what rules may ask of the parts of a message. It is filled while the body
// arrives, and reused for the next message.
type partList struct {
	list    []partFacts
	walker  *parts.Walker
	started bool
	kept    int  // bytes of the list
	open    int  // bytes of the headers of the parts that have not ended
	counted int  // bytes that were reserved
	full    bool // some parts are missing in the list

	s      *framework.Session
	memory framework.Memory
}

// partFacts is what rules may ask of one part.
type partFacts struct {
	kind, disposition string
	names             []string
	size              int64
}

const (
	// partCost is the memory that a part takes in addition to the bytes of its
	// texts, and nameCost that of a name.
	partCost, nameCost = 192, 24
	// maxParts limits what is kept of the parts of a message, in bytes. The 1,000
	// parts of [parts.Limits] take less, if their names have a usual length.
	maxParts = 1 << 20
	// usualParts is the number of parts for which memory is kept from message to
	// message.
	usualParts = 64
)

// reset forgets the message.
func (l *partList) reset() {
	clear(l.list)
	list := l.list[:0]
	if cap(list) > usualParts {
		list = nil
	}
	if l.started {
		l.walker.Start() // it forgets the parts of a message that ended early
	}
	*l = partList{list: list, walker: l.walker}
}

// unreadable reports whether a reader may see other parts.
func (l *partList) unreadable() bool { return l.full || l.walker.Flaws().Unreadable() }

// start begins a message. The header is complete.
func (l *partList) start(s *framework.Session, reg *registration) {
	if l.started {
		return
	}
	l.started, l.s, l.memory = true, s, reg.memory
	if l.walker == nil {
		l.walker = parts.NewWalker(parts.Limits{}, parts.Handler{Begin: l.begin, End: l.end})
	}
	l.walker.Start()
	for f := range reg.headers.All(s) {
		l.walker.AddField(f.Name, f.Value)
	}
}

// add takes a chunk of the body.
func (l *partList) add(s *framework.Session, reg *registration, chunk []byte) error {
	l.start(s, reg)
	_, err := l.walker.Write(chunk)
	return err
}

// finish ends the body.
func (l *partList) finish(s *framework.Session, reg *registration) error {
	l.start(s, reg)
	return l.walker.Close()
}

// begin counts the memory that the walker takes for the headers of open parts.
func (l *partList) begin(p *parts.Part) error {
	l.open += headerSize(p)
	return l.reserve()
}

// end keeps what rules may ask of a part.
func (l *partList) end(p *parts.Part) error {
	l.open -= headerSize(p)
	facts := partFacts{kind: p.Type, disposition: p.Disposition, names: slices.Concat(p.Names, p.Uuencoded), size: p.Size()}
	size := partCost + len(facts.kind) + len(facts.disposition)
	for _, name := range facts.names {
		size += nameCost + len(name)
	}
	if l.kept+size > maxParts {
		l.full = true
		return nil
	}
	l.kept += size
	if err := l.reserve(); err != nil {
		return err
	}
	facts.detach()
	l.list = append(l.list, facts)
	return nil
}

// detach copies the texts, which are pieces of the part's header.
func (f *partFacts) detach() {
	f.kind, f.disposition = strings.Clone(f.kind), strings.Clone(f.disposition)
	for i, name := range f.names {
		f.names[i] = strings.Clone(name)
	}
}

// reserve counts the memory that is in use beyond what was counted before.
func (l *partList) reserve() error {
	more := l.kept + l.open - l.counted
	if more <= 0 {
		return nil
	}
	l.counted += more
	return l.memory.Reserve(l.s, more)
}

// headerSize returns the bytes of a part's header.
func headerSize(p *parts.Part) (size int) {
	for _, f := range p.Fields {
		size += len(f.Name) + len(f.Value)
	}
	return size
}
