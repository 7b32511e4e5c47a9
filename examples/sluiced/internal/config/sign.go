package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
)

// sign is the filter that signs with DKIM.
type sign struct {
	node   *yaml.Node
	config dkim.Config
}

// signFile has the settings of dkimd.
type signFile struct {
	dkimfile.Signing `yaml:",inline"`

	Trust dkimfile.Trust `yaml:"trust"`
	Keys  dkimfile.Keys  `yaml:"keys"`
}

func (*sign) kind() string          { return "sign" }
func (s *sign) section() *yaml.Node { return s.node }
func (s *sign) summary() string     { return fmt.Sprintf("%d signing rules", len(s.config.Signing.Rules)) }

func (s *sign) prepare(p *preparation, l *lane) {
	var f signFile
	if err := yamlconf.DecodeSection(p.path, s.node, &f); err != nil {
		p.whole(err)
		return
	}
	before := len(p.errs)
	var err error
	s.config.Name = l.name
	s.config.Trust, err = f.Trust.Trust(p.folder)
	p.wrong(err)
	s.config.Signing, err = f.Signing.Signing(p.folder, f.Keys, p.dns)
	p.wrong(err)
	if p.options.Offline {
		s.config.Signing.Resolver = nil
	}
	if len(p.errs) > before {
		return
	}
	if _, err := dkim.NewSigner(s.config); err != nil {
		p.wrong(yamlconf.At(s.node).Wrong(err))
	}
	if len(s.config.Signing.Rules) == 0 {
		p.suspect(yamlconf.At(s.node), "no rules, so nothing is signed")
	}
	for _, warning := range f.Unused(f.Keys) {
		p.warn(yamlconf.Prefixed(p.path, warning))
	}
}

func (s *sign) build(h Hooks) (filter, error) {
	cfg := s.config
	cfg.Observe = h.signing(cfg.Name)
	f, err := dkim.NewSigner(cfg)
	if err != nil {
		return nil, err
	}
	return &signFilter{f, cfg.Observe}, nil
}

// signFilter implements filter.
type signFilter struct {
	*dkim.Filter
	observe func(dkim.Event)
}

func (f *signFilter) mount(r *framework.Router, opts ...framework.LaneOption) {
	r.Mount(f.Filter, opts...)
}

func (f *signFilter) reload(next part) error {
	s, ok := next.(*sign)
	if !ok {
		return errRestart
	}
	cfg := s.config
	cfg.Observe = f.observe
	return f.Reload(cfg)
}
