package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/samber/lo"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// lane is an item of the list filters: a filter and how it is mounted.
type lane struct {
	yamlconf.Position
	laneFile

	name string // the name, which defaults to the kind
	part part
}

type laneFile struct {
	Name   yamlconf.Word `yaml:"name"`
	DryRun bool          `yaml:"dry_run"`
	Fail   failure       `yaml:"fail"`
	When   raw           `yaml:"when"`

	Authenticate raw `yaml:"authenticate"`
	Headers      raw `yaml:"headers"`
	Sign         raw `yaml:"sign"`
	Remote       raw `yaml:"remote"`
}

// part is the filter of a lane with its settings.
type part interface {
	// kind returns the setting's name, such as "sign".
	kind() string
	// section returns the text of the settings.
	section() *yaml.Node
	// prepare decodes and checks the settings. It reports mistakes to the preparation.
	prepare(p *preparation, l *lane)
	// build returns the filter. It is called only if there was no mistake.
	build(h Hooks) (filter, error)
	// summary says in a few words what the filter does.
	summary() string
}

// filter is a filter, or several that belong together.
type filter interface {
	mount(r *framework.Router, opts ...framework.LaneOption)
	// reload applies the settings of another file. It changes nothing if it returns an error.
	// The error matches errRestart if the settings are used only at the start.
	reload(next part) error
}

// parts returns what the item names as filters. An item has one.
func (f *laneFile) parts() (list []part) {
	if n := f.Authenticate.Node; n != nil {
		list = append(list, &authenticate{node: n})
	}
	if n := f.Headers.Node; n != nil {
		list = append(list, &headersPart{node: n})
	}
	if n := f.Sign.Node; n != nil {
		list = append(list, &sign{node: n})
	}
	if n := f.Remote.Node; n != nil {
		list = append(list, &remotePart{node: n})
	}
	return list
}

// wrongParts returns the error about an item that does not have one filter.
func wrongParts(list []part) error {
	if len(list) == 0 {
		return errors.New("want one of authenticate, headers, sign and remote in each item of the list")
	}
	kinds := lo.Map(list, func(one part, _ int) string { return one.kind() })
	return errors.New("want one filter in each item of the list, not " + strings.Join(kinds, " and "))
}

// filled returns a mapping in which those of the named settings that have no value have an empty
// mapping. So a section whose settings are all commented out has the defaults.
func filled(n *yaml.Node, names ...string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return n
	}
	full := *n
	full.Content = slices.Clone(n.Content)
	for i := 0; i+1 < len(full.Content); i += 2 {
		if v := full.Content[i+1]; v.ShortTag() == "!!null" && slices.Contains(names, full.Content[i].Value) {
			full.Content[i+1] = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: v.Line, Column: v.Column}
		}
	}
	return &full
}

var laneName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// newLane returns a lane with its settings, as far as they are right.
func newLane(p *preparation, n *yaml.Node) *lane {
	l := &lane{Position: yamlconf.At(n)}
	err := yamlconf.DecodeSection(p.path, filled(n, "authenticate", "headers", "sign", "remote"), &l.laneFile)
	p.whole(err)
	switch list := l.parts(); {
	case len(list) == 1:
		l.part = list[0]
		l.name = l.part.kind()
	case err == nil:
		p.wrong(l.Wrong(wrongParts(list)))
		return nil
	default:
		return nil
	}
	if name := l.Name.Text; name != "" {
		l.name = name
		if !laneName.MatchString(name) {
			p.wrong(l.Name.Wrong(errors.New("want a name of letters, digits, dots, hyphens and underscores, 64 at most")))
		}
	}
	if l.When.Node != nil {
		p.condition(l.When.Node)
	}
	l.part.prepare(p, l)
	return l
}

// options returns how the filter is mounted on a router.
func (l *lane) options(r *framework.Router) (opts []framework.LaneOption, err error) {
	opts = append(opts, l.Fail.options...)
	if l.DryRun {
		opts = append(opts, framework.DryRun())
	}
	if l.When.Node == nil {
		return opts, nil
	}
	var c condition
	if err := yamlconf.Decode(l.When.Node, &c); err != nil {
		return nil, err
	}
	return append(opts, framework.With(middleware.When(c.on(r)))), nil
}

// sameOptions reports whether another lane is mounted in the same way.
func (l *lane) sameOptions(other *lane) bool {
	return l.name == other.name && l.part.kind() == other.part.kind() && l.DryRun == other.DryRun &&
		l.Fail.text == other.Fail.text && yamlconf.Same(l.When.Node, other.When.Node)
}

// failure is the setting fail: what happens to mail if the filter fails.
type failure struct {
	text    string
	options []framework.LaneOption
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (f *failure) UnmarshalYAML(n *yaml.Node) error {
	var r reply
	f.text = n.Value
	switch {
	case n.Value == "closed":
		f.options = []framework.LaneOption{framework.FailClosed()}
	case n.Value == "open":
		f.options = []framework.LaneOption{framework.FailOpen()}
	case r.UnmarshalYAML(n) == nil:
		f.options = []framework.LaneOption{framework.FailWith(r.Verdict)}
	default:
		return errors.New("want closed, open, or a reply such as 451 4.7.1 try again later")
	}
	return nil
}
