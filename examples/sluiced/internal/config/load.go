package config

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/samber/lo"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/inspectfile"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
)

// Options are what a command line sets.
type Options struct {
	// DNS is the address of the name server, with its port. It takes precedence over the
	// servers in the file. It may be empty.
	DNS string
	// Metrics takes precedence over the address in the file. It may be empty.
	Metrics string
	// Inspect takes precedence over what the file says about the inspector.
	Inspect inspecting.Flag
	// Lookups, if not nil, is called with each lookup in the DNS that has ended.
	Lookups func(resolver.Lookup)
	// Resolver, if not nil, is used instead of a new one with the settings of the file, which
	// are checked all the same. So the cache stays filled at a reload.
	Resolver *resolver.Resolver
	// NoRemote leaves out the filters that run elsewhere.
	NoRemote bool
	// Replay makes filters for a replay of recorded mail: without the filters that run
	// elsewhere and without the middleware that limits the number of messages. [Settings]
	// names both.
	Replay bool
	// Offline makes filters that sign without looking up whether the key is published.
	Offline bool
}

// Load reads and checks a configuration file and the files that it names. Names of files are
// relative to the folder of the configuration file. The error has a line for each mistake,
// which begins with the file's name, the line and the column.
func Load(path string, o Options) (*Settings, error) {
	text, err := yamlconf.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text, o)
}

// Parse is like [Load] but takes the text of the file.
func Parse(path string, text []byte, o Options) (*Settings, error) {
	var f file
	p := &preparation{path: path, folder: dkimfile.Folder(filepath.Dir(path)), options: o}
	p.whole(yamlconf.ParseWithHints(path, text, &f))
	s := p.settings(&f)
	p.review(s.lanes)
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	s.Warnings = p.warnings
	return s, nil
}

// preparation collects what is wrong with a file.
type preparation struct {
	path     string
	folder   dkimfile.Folder
	options  Options
	dns      *resolver.Resolver // nil if the settings of the DNS are wrong
	errs     []error
	warnings []error
	// remote and unlimited are the names of what Options.Replay leaves out.
	remote    []string
	unlimited []string
}

// wrong reports mistakes that have a position.
func (p *preparation) wrong(err error) { p.whole(yamlconf.Prefixed(p.path, err)) }

// whole reports mistakes that name the file already.
func (p *preparation) whole(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

func (p *preparation) warn(warning error) { p.warnings = append(p.warnings, warning) }

// settings decodes and checks all parts of a file.
func (p *preparation) settings(f *file) *Settings {
	s := &Settings{
		Path: p.path, Metrics: cmp.Or(p.options.Metrics, f.Metrics.Text),
		Listen: lo.Map(f.Listen, func(a listenAddress, _ int) string { return a.text }),
		Level:  f.Log.Level.Level, Format: f.Log.Format.text, file: *f, options: p.options,
	}
	shown, err := inspectfile.Settings(p.path, f.Inspect.Node, string(p.folder))
	p.whole(err)
	s.Inspect = p.options.Inspect.Over(shown)
	p.lookups(f.DNS.Node)
	s.Resolver = p.dns
	s.Server = p.limits(f.Limits.Node)
	s.shelf = p.shelf(f.Middleware.Node)
	s.lanes = p.lanes(f.Filters.Node)
	s.Remote, s.Unlimited = p.remote, p.unlimited
	return s
}

// lookups makes the resolver.
func (p *preparation) lookups(n *yaml.Node) {
	var dns dnsfile.Section
	if n != nil {
		if err := yamlconf.DecodeSection(p.path, n, &dns); err != nil {
			p.whole(err)
			return
		}
	}
	cfg, err := dns.Config()
	if err != nil {
		p.wrong(err)
		return
	}
	if p.options.DNS != "" {
		cfg.Servers = []string{p.options.DNS}
	}
	cfg.Observe = p.options.Lookups
	r, err := resolver.New(cfg)
	if err != nil && n != nil {
		err = yamlconf.At(n).Wrong(err)
	}
	p.wrong(err)
	p.dns = cmp.Or(p.options.Resolver, r)
}

// limits returns the limits of the server.
func (p *preparation) limits(n *yaml.Node) framework.Config {
	var l limits
	if n == nil {
		return framework.Config{}
	}
	p.whole(yamlconf.DecodeSection(p.path, n, &l))
	return l.config()
}

// items returns the nodes of a list.
func (p *preparation) items(n *yaml.Node, what string) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != yaml.SequenceNode:
		p.wrong(yamlconf.At(n).Wrong(errors.New("want a list of " + what)))
		return nil
	default:
		return n.Content
	}
}

func (p *preparation) lanes(n *yaml.Node) (list []*lane) {
	for _, item := range p.items(n, "filters") {
		l := newLane(p, item)
		switch {
		case l == nil, p.options.NoRemote && l.Remote.Node != nil:
		case p.options.Replay && l.Remote.Node != nil:
			p.remote = append(p.remote, l.name)
		default:
			list = append(list, l)
		}
	}
	return list
}

func (p *preparation) shelf(n *yaml.Node) (list []*shelfItem) {
	for _, one := range p.items(n, "middleware") {
		if one.ShortTag() == "!!null" { // it has no UnmarshalYAML
			p.wrong(yamlconf.At(one).Wrong(errOneMiddleware))
			continue
		}
		var item shelfItem
		if err := yamlconf.DecodeSection(p.path, one, &item); err != nil {
			p.whole(err)
			continue
		}
		if err := item.missing(); err != nil {
			p.wrong(yamlconf.At(one).Wrong(err))
			continue
		}
		p.wrong(yamlconf.At(one).Wrong(try(item.on)))
		if kind, _, limits := item.limit(); p.options.Replay && (limits || item.Throttle != nil) {
			p.limit(cmp.Or(kind, "throttle"))
			continue
		}
		list = append(list, &item)
	}
	return list
}

// limit leaves out a limit. Those of a kind are numbered as in around.
func (p *preparation) limit(kind string) {
	name := kind
	for n := 2; slices.Contains(p.unlimited, name); n++ {
		name = kind + strconv.Itoa(n)
	}
	p.unlimited = append(p.unlimited, name)
}

// condition checks a condition of a filter.
func (p *preparation) condition(n *yaml.Node) {
	var c condition
	if err := yamlconf.DecodeSection(p.path, n, &c); err != nil {
		p.whole(err)
		return
	}
	p.wrong(yamlconf.At(n).Wrong(try(c.middleware)))
}
