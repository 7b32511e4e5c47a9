//go:build integration

package integration_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/iotest"

	"github.com/sluicemail/sluice/framework"
)

// kind is the way in which a puppet reads messages. It determines what is
// negotiated.
type kind struct {
	name   string
	raw    bool // it handles the space after the colon itself
	denied bool // it would, but the MTA does not offer that
	blind  bool // it does not look at the header
	body   bool // it reads the body
	two    bool // another puppet follows
	crowd  bool // other filters are mounted, which change nothing
}

func kinds() []kind {
	return []kind{
		{name: "plain"},
		{name: "raw", raw: true, body: true},
		{name: "blind", blind: true},
		{name: "crowded", crowd: true, blind: true},
		{name: "double", two: true, body: true},
		{name: "rawdouble", two: true, raw: true},
	}
}

// puppet is a filter that makes the edits that each letter names.
type puppet struct {
	kind
	behind   *puppet                 // in the next lane
	optional []framework.GrantOption // for what old protocols have not

	mu      sync.Mutex
	letters map[string]*letter
	faults  map[string][]string
}

func newPuppet(k kind, optional ...framework.GrantOption) *puppet {
	p := &puppet{kind: k, optional: optional, letters: map[string]*letter{}, faults: map[string][]string{}}
	if k.two {
		second := k
		second.name, second.two = k.name+" too", false
		p.behind = newPuppet(second, optional...)
	}
	return p
}

// router mounts the puppet and the filter behind it, each in a separate lane.
func (p *puppet) router() *framework.Router {
	r := framework.NewRouter()
	if p.crowd {
		r.Mount(wrecker{"trial"}, framework.DryRun())
		r.Mount(failingAtEnd{wrecker{"failing"}}, framework.FailOpen())
	}
	for mounted := p; mounted != nil; mounted = mounted.behind {
		r.Mount(mounted)
	}
	if p.crowd {
		r.Mount(watcher{})
	}
	return r
}

func (p *puppet) expect(l *letter) {
	if p.behind != nil {
		p.behind.expect(l.next)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters[l.id] = l
	delete(p.faults, l.id)
}

func (p *puppet) fault(l *letter, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[l.id] = append(p.faults[l.id], fmt.Sprintf(format, args...))
}

// faultsOf returns the errors inside the filter.
func (p *puppet) faultsOf(l *letter) []string {
	var faults []string
	if p.behind != nil {
		faults = p.behind.faultsOf(l)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(slices.Clone(p.faults[l.id]), faults...)
}

// Name implements framework.Filter.
func (p *puppet) Name() string { return "puppet " + p.name }

// attention is the puppet's state of the current message.
type attention struct {
	letter  *letter
	handles []framework.HeaderHandle
	body    strings.Builder
}

// grants are the puppet's rights.
type grants struct {
	list    framework.KeptHeader
	add     framework.HeaderInserter
	change  framework.HeaderChanger
	rename  framework.HeaderRenamer
	sender  framework.SenderChanger
	rcpt    framework.RecipientAdder
	rcptPar framework.RecipientArgsAdder
	unrcpt  framework.RecipientDeleter
	replace framework.BodyReplacer
	hold    framework.Quarantiner
}

// Register implements framework.Filter.
func (p *puppet) Register(r *framework.Router) error {
	g := grants{
		add: r.GrantInsertHeader(), change: r.GrantChangeHeader(), rename: r.GrantRenameHeader(), sender: r.GrantChangeSender(p.optional...),
		rcpt: r.GrantAddRecipient(), rcptPar: r.GrantAddRecipientWithArgs(p.optional...), unrcpt: r.GrantDeleteRecipient(),
		replace: r.GrantReplaceBody(), hold: r.GrantQuarantine(p.optional...),
	}
	seen := framework.PerMessage[attention](r)
	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
		id, _, _ := strings.Cut(m.Sender(), "@")
		p.mu.Lock()
		defer p.mu.Unlock()
		if seen.Get(s).letter = p.letters[id]; seen.Get(s).letter == nil {
			return errors.New("a letter that nobody wrote: " + id)
		}
		return nil
	})
	if !p.blind {
		g.list = r.WantHeaders()
		p.look(r, g, seen)
	}
	if p.raw || p.denied {
		r.WantRawHeaders()
	}
	if p.body {
		r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
			seen.Get(s).body.Write(b.Chunk())
			return nil
		})
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		a := seen.Get(s)
		if p.body && a.body.String() != a.letter.body {
			p.fault(a.letter, "saw the body %.80q", a.body.String())
		}
		from := a.letter.early
		if p.blind {
			from = 0
		}
		p.obey(s, g, a, from, len(a.letter.orders))
		return framework.Continue, nil
	})
	return nil
}

// look observes the header.
func (p *puppet) look(r *framework.Router, g grants, seen framework.Slot[attention]) {
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		a := seen.Get(s)
		n := len(a.handles)
		a.handles = append(a.handles, h.Handle())
		if n >= len(a.letter.fields) {
			p.fault(a.letter, "saw one field too many: %q", h.Name())
			return nil
		}
		want := a.letter.fields[n]
		if h.Name() != want.name || h.Value() != shown(want.raw) || p.raw && h.Raw() != want.raw {
			p.fault(a.letter, "saw field %d as %q %.80q (%.80q)", n, h.Name(), h.Value(), h.Raw())
		}
		return nil
	})
	r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
		a := seen.Get(s)
		p.obey(s, g, a, 0, a.letter.early)
		return nil
	})
}

// obey makes the edits that a letter orders, from one of its orders on.
func (p *puppet) obey(s *framework.Session, g grants, a *attention, from, to int) {
	for i, o := range a.letter.orders[from:to] {
		err := p.do(s, g, a, o)
		wrong := a.letter.deletedBefore(from + i)
		if wrong != errors.Is(err, framework.ErrNoHeader) || err != nil && !wrong {
			p.fault(a.letter, "%s: %v", o.op, err)
		}
	}
}

// deletedBefore reports whether the i-th order changes or renames a field that an
// earlier one deletes.
func (l *letter) deletedBefore(i int) bool {
	o := l.orders[i]
	return (o.op == opChange || o.op == opRename) &&
		slices.ContainsFunc(l.orders[:i], func(d order) bool { return d.op == opDelete && d.at == o.at })
}

func (p *puppet) do(s *framework.Session, g grants, a *attention, o order) error {
	switch o.op {
	case opAppend:
		return g.add.Append(s, o.name, o.value)
	case opInsert:
		if o.above < 0 {
			return g.add.Prepend(s, o.name, o.value)
		}
		return g.add.Insert(s, o.above, o.name, o.value)
	case opTop:
		return g.add.InsertTop(s, o.name, o.value)
	case opAbove:
		return g.add.InsertAbove(s, p.handle(s, g, a, o), o.name, o.value)
	case opBelow:
		return g.add.InsertBelow(s, p.handle(s, g, a, o), o.name, o.value)
	case opChange:
		return g.change.Change(s, p.handle(s, g, a, o), o.value)
	case opDelete:
		return g.change.Delete(s, p.handle(s, g, a, o))
	case opRename:
		return g.rename.Rename(s, p.handle(s, g, a, o), o.name)
	case opSender:
		return g.sender.Change(s, o.value, o.args...)
	case opAddRcpt:
		if len(o.args) > 0 {
			return g.rcptPar.Add(s, o.value, o.args...)
		}
		return g.rcpt.Add(s, o.value)
	case opDelRcpt:
		return g.unrcpt.Delete(s, "<"+o.value+">")
	case opBody:
		return g.replace.Replace(s, []byte(o.value))
	case opBodyReader:
		return g.replace.ReplaceFrom(s, iotest.HalfReader(strings.NewReader(o.value)))
	case opQuarantine:
		return g.hold.Quarantine(s, o.value)
	}
	return errors.New("no such order")
}

// handle returns a handle for the order's field, of the kind that the order
// names.
func (p *puppet) handle(s *framework.Session, g grants, a *attention, o order) framework.HeaderHandle {
	name, n := a.letter.number(o.at)
	switch {
	case p.blind, o.by == byNumber:
		return framework.NthHeader(name, n)
	case o.by == byList:
		i := 0
		for f := range g.list.All(s) {
			if i == o.at {
				return f.Handle
			}
			i++
		}
	}
	return a.handles[o.at]
}

// number returns the name of a field and its position among the fields of that
// name.
func (l *letter) number(at int) (name string, n int) {
	name = l.fields[at].name
	for _, f := range l.fields[:at+1] {
		if strings.EqualFold(f.name, name) {
			n++
		}
	}
	return name, n
}
