package config

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// headersPart is the filter headers. Its rules are in the file itself, or in a file of headerd.
type headersPart struct {
	node  *yaml.Node
	rules headers.Config
	count int
	edits bool // whether a rule changes the message
}

func (*headersPart) kind() string          { return "headers" }
func (h *headersPart) section() *yaml.Node { return h.node }
func (h *headersPart) summary() string     { return fmt.Sprintf("%d rules", h.count) }

func (h *headersPart) prepare(p *preparation, l *lane) {
	rules, err := h.load(p)
	if err != nil {
		p.whole(err)
		return
	}
	rules.Name = l.name
	h.rules = rules
	f, err := headers.NewReloadable(rules)
	if err != nil {
		p.whole(err)
		return
	}
	for _, warning := range f.Warnings() {
		p.warn(warning)
	}
	h.count = f.Rules()
	r := framework.NewRouter()
	r.Mount(f)
	plan, err := r.Plan()
	if err != nil {
		p.wrong(l.Wrong(err))
		return
	}
	h.edits = (plan.Actions|plan.Optional)&(wire.ActionAddHdrs|wire.ActionChgHdrs) != 0
}

// load returns the rules of the section, or of the file that it names.
func (h *headersPart) load(p *preparation) (headers.Config, error) {
	if h.node.Kind != yaml.MappingNode || !slices.ContainsFunc(h.node.Content, func(n *yaml.Node) bool { return n.Value == "file" }) {
		return headers.ParseSection(p.path, h.node)
	}
	if len(h.node.Content) > 2 {
		return headers.Config{}, yamlconf.Prefixed(p.path, yamlconf.At(h.node).Wrong(errors.New("file names the file that has the rules and macros: want no other setting here")))
	}
	var named struct {
		File yamlconf.Word `yaml:"file"`
	}
	if err := yamlconf.DecodeSection(p.path, h.node, &named); err != nil {
		return headers.Config{}, err
	}
	path := p.folder.File(named.File.Text)
	text, err := yamlconf.ReadFile(path)
	if err != nil {
		return headers.Config{}, yamlconf.Prefixed(p.path, named.File.Wrong(err))
	}
	return headers.Parse(path, text)
}

func (h *headersPart) build(_ Hooks) (filter, error) {
	f, err := headers.NewReloadable(h.rules)
	if err != nil {
		return nil, err
	}
	return &headersFilter{f}, nil
}

// headersFilter implements filter.
type headersFilter struct{ *headers.Reloadable }

func (f *headersFilter) mount(r *framework.Router, opts ...framework.LaneOption) {
	r.Mount(f.Reloadable, opts...)
}

func (f *headersFilter) reload(next part) error {
	h, ok := next.(*headersPart)
	if !ok {
		return errRestart
	}
	return f.Reload(h.rules)
}
