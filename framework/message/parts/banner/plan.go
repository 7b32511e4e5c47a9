package banner

import (
	"io"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// Message is a message to add a banner to.
type Message struct {
	// Header is the header, in its order. Only the fields of MIME matter.
	Header []parts.Field
	// Body returns a reader of the body. It is called several times.
	Body func() io.Reader
	// Limits are those of the walker over the parts.
	Limits parts.Limits
}

// Variant is which text of a banner a part gets.
type Variant int

// The variants.
const (
	Text     Variant = iota + 1 // Config.Text
	HTML                        // Config.HTML
	Fallback                    // Config.Fallback
	Present                     // none, because Config.Once is in the part
	Added                       // a part with Config.Text was added to the message
)

// String returns the variant in a word, for logs.
func (v Variant) String() string {
	switch v {
	case Text:
		return "text"
	case HTML:
		return "HTML"
	case Fallback:
		return "fallback"
	case Present:
		return "present"
	case Added:
		return "added"
	}
	return "none"
}

// Outcome is what happens to a part.
type Outcome struct {
	Path    string // see [parts.Part.Path]
	Type    string // the media type
	Variant Variant
}

// Plan is what to do with a message so that it has the banner. It is not safe for
// concurrent use.
type Plan struct {
	banner   *Banner
	message  Message
	body     *edit.Editor
	jobs     map[string]*job // by the path of the part
	outcomes []Outcome
	add      bool // a part is to be added
	bareLF   bool // the lines of the body end with LF, without CR
	mixed    bool // the message is a multipart/mixed
	divided  bool // the message is a multipart with a part
}

// job is the banner of one part.
type job struct {
	part      *parts.Part
	rendering rendering
	inserter  *inserter // of the last reading
}

// Plan reads the body, and returns what to do. It reads the body twice if a part contains
// Config.Once, if a part labelled US-ASCII gets the fallback because it contains other
// bytes than those of UTF-8, or if a part is to be added. The error says why
// the message cannot have the banner: it is one of this package, one of package edit in an
// [*edit.PartError], or that of the body's reader. A filter may let such a message go
// without a banner.
func (b *Banner) Plan(m Message) (*Plan, error) {
	p := &Plan{banner: b, message: m, jobs: make(map[string]*job)}
	if err := p.read(p.survey()); err != nil {
		return nil, err
	}
	changed, err := p.settle()
	if err == nil && changed {
		err = p.read(p.decide)
	}
	if err == nil {
		p.body, err = p.editor(m.Body(), p.decide)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Changes reports whether the message is to be changed at all.
func (p *Plan) Changes() bool { return p.add || len(p.jobs) > 0 }

// Parts returns what happens to the parts that have the text of the message.
func (p *Plan) Parts() []Outcome { return p.outcomes }

// Header returns the changes of the message's header that the new body needs: a field
// replaces all fields of its name; with an empty value they are to be deleted. They belong
// to the Body of the same plan: another plan may write another boundary.
func (p *Plan) Header() []parts.Field { return p.body.Header() }

// Body returns a reader of the body with the banner, always the same one. It reads the body
// of the message once more, as far as it is read itself. If it is read again, the plan is
// to be made again.
func (p *Plan) Body() io.Reader { return p.body }

type decider func(*parts.Part) (edit.Change, error)

func (p *Plan) editor(body io.Reader, decide decider) (*edit.Editor, error) {
	return edit.New(body, p.message.Header, edit.Config{Decide: decide, Limits: p.message.Limits})
}

// read reads the edited body to its end.
func (p *Plan) read(decide decider) error {
	source := &lineEnds{source: p.message.Body()}
	e, err := p.editor(source, decide)
	if err != nil {
		return err
	}
	if _, err = io.Copy(io.Discard, e); err != nil {
		return err
	}
	p.bareLF = source.bareLF
	if source.bareCR && p.Changes() {
		return ErrBareCR
	}
	return nil
}

// survey returns a decider that finds the parts and tries to give each the banner.
func (p *Plan) survey() decider {
	c := newChooser()
	return func(part *parts.Part) (edit.Change, error) {
		p.mixed = p.mixed || part.Parent == nil && part.Type == mixed
		p.divided = p.divided || part.Parent != nil && part.Parent.IsMultipart()
		if !c.choose(part) {
			return edit.Change{}, nil
		}
		r, err := p.banner.render(part, false)
		if err != nil {
			return edit.Change{}, partError(part, err)
		}
		p.jobs[part.Path()] = &job{part: part, rendering: r}
		p.outcomes = append(p.outcomes, Outcome{part.Path(), part.Type, r.variant})
		return p.decide(part)
	}
}

// settle looks at what the survey has found out, and reports whether the plan is now
// another one.
func (p *Plan) settle() (changed bool, err error) {
	for n := range p.outcomes {
		o := &p.outcomes[n]
		j := p.jobs[o.Path]
		switch {
		case j.inserter.marker.seen:
			o.Variant = Present
			delete(p.jobs, o.Path)
			changed = true
		case j.rendering.labels && !j.inserter.text.utf8.valid():
			if j.rendering, err = p.banner.render(j.part, true); err != nil {
				return false, partError(j.part, err)
			}
			o.Variant = Fallback
			changed = true
		}
	}
	if c := p.banner.config; len(p.outcomes) == 0 && c.AddPart && (p.mixed || !c.KeepHeader) {
		p.add = true
		p.outcomes = []Outcome{{"", typeText, Added}}
	}
	return changed || p.add, nil
}

func partError(p *parts.Part, err error) error {
	return &edit.PartError{Path: p.Path(), Type: p.Type, Err: err}
}

// decide returns the change of a part.
func (p *Plan) decide(part *parts.Part) (edit.Change, error) {
	if p.add {
		return p.addPart(part), nil
	}
	j := p.jobs[part.Path()]
	if j == nil {
		return edit.Change{}, nil
	}
	return edit.Change{
		Fields: j.rendering.fields,
		Transform: func(old io.Reader) io.Reader {
			j.inserter = p.banner.inserter(part, j.rendering)
			j.inserter.bareLF = p.bareLF
			return j.rendering.encode(&transform{source: old, part: part, inserter: j.inserter})
		},
	}, nil
}

// addPart returns the change that adds the banner as a part: in the multipart/mixed that
// the message is, or in one that it becomes.
func (p *Plan) addPart(part *parts.Part) (c edit.Change) {
	list := []*edit.Part{{Text: p.banner.text + "\n", Disposition: "inline"}}
	top := p.banner.config.Place == Top
	switch {
	case part.Parent == nil && part.Type != mixed && top:
		c.Before = list
	case part.Parent == nil && part.Type != mixed:
		c.After = list
	case part.Parent == nil && (!top || !p.divided):
		c.Append = list
	case part.Parent != nil && part.Parent.Parent == nil && part.Parent.Type == mixed && part.Number == 1 && top:
		c.Before = list
	}
	return c
}

const mixed = "multipart/mixed"
