package config

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
)

// authenticate is the filter that checks mail with SPF, DKIM, ARC and DMARC.
type authenticate struct {
	node   *yaml.Node
	config mailauth.Config
}

// authenticateFile has the names of the fields of mailauth.Config.
type authenticateFile struct {
	AuthservID      yamlconf.Word      `yaml:"authserv_id"`
	AlsoRemove      []yamlconf.Word    `yaml:"also_remove"`
	KeepResultsFrom []yamlconf.Network `yaml:"keep_results_from"`
	Networks        []yamlconf.Network `yaml:"networks"`
	Relays          []yamlconf.Network `yaml:"relays"`
	Timeout         yamlconf.Duration  `yaml:"timeout"`
	LogLevel        logLevel           `yaml:"log_level"`

	SPF   method[spfFile]            `yaml:"spf"`
	DKIM  method[dkimfile.Verifying] `yaml:"dkim"`
	ARC   method[arcFile]            `yaml:"arc"`
	DMARC method[dmarcFile]          `yaml:"dmarc"`
}

// method is the section of a method, or "off".
type method[T any] struct {
	off    bool
	config T
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (m *method[T]) UnmarshalYAML(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "off":
		m.off = true
		return nil
	case n.Kind == yaml.MappingNode:
		return yamlconf.Decode(n, &m.config)
	default:
		return errors.New("want off, or the settings of the method; leave it out for the defaults")
	}
}

func (*authenticate) kind() string          { return "authenticate" }
func (a *authenticate) section() *yaml.Node { return a.node }

func (a *authenticate) summary() string {
	var methods []string
	for _, m := range []struct {
		off  bool
		name string
	}{{a.config.NoSPF, "spf"}, {a.config.NoDKIM, "dkim"}, {a.config.NoARC, "arc"}, {a.config.NoDMARC, "dmarc"}} {
		if !m.off {
			methods = append(methods, m.name)
		}
	}
	text := strings.Join(methods, ", ")
	if a.config.Sealer != nil {
		text += "; seals as " + a.config.Sealer.Domain + " after all other filters"
	}
	return text
}

func (a *authenticate) prepare(p *preparation, l *lane) {
	var f authenticateFile
	if err := yamlconf.DecodeSection(p.path, a.node, &f); err != nil {
		p.whole(err)
		return
	}
	before := len(p.errs)
	a.config = mailauth.Config{
		Name: l.name, Resolver: p.dns, AuthservID: f.AuthservID.Text, AlsoRemove: yamlconf.Texts(f.AlsoRemove),
		KeepResultsFrom: yamlconf.Prefixes(f.KeepResultsFrom), Networks: yamlconf.Prefixes(f.Networks), Relays: yamlconf.Prefixes(f.Relays),
		Timeout: f.Timeout.Duration, LogLevel: f.LogLevel.Level,
		NoSPF: f.SPF.off, NoDKIM: f.DKIM.off, NoARC: f.ARC.off, NoDMARC: f.DMARC.off,
		SPF: f.SPF.config.config(), DMARC: f.DMARC.config.config(), ARC: f.ARC.config.config(),
	}
	var err error
	host := dkimfile.Host{AuthservID: f.AuthservID, AlsoRemove: f.AlsoRemove, NoField: true}
	a.config.DKIM.Verifying, err = f.DKIM.config.Verifying(host, p.dns)
	p.wrong(err)
	if seal := f.ARC.config.Seal; seal != nil {
		a.config.Sealer, err = seal.config(p.folder)
		p.wrong(err)
	}
	p.wrong(f.DMARC.config.check())
	if len(p.errs) > before || p.dns == nil {
		return
	}
	if _, err := mailauth.New(a.config); err != nil {
		p.wrong(yamlconf.At(a.node).Wrong(err))
	}
}

func (a *authenticate) build(h Hooks) (filter, error) {
	cfg := h.authenticating(a.config)
	f, err := mailauth.New(cfg)
	if err != nil {
		return nil, err
	}
	return &authenticateFilter{f, a, h}, nil
}

// authenticating returns a configuration that reports to the hooks.
func (h Hooks) authenticating(cfg mailauth.Config) mailauth.Config {
	cfg.Observe = h.Authenticated
	if h.OneMessage {
		cfg.SPF.HeloIfNeeded = false // the report has the results of both
	}
	if cfg.Sealer != nil {
		sealer := *cfg.Sealer
		sealer.Observe = h.Sealed
		cfg.Sealer = &sealer
	}
	return cfg
}

// authenticateFilter implements filter.
type authenticateFilter struct {
	*mailauth.Authenticator
	made  *authenticate
	hooks Hooks
}

func (f *authenticateFilter) mount(r *framework.Router, opts ...framework.LaneOption) {
	f.Mount(r, opts...)
}

// mountLast mounts the sealer, which signs what all other filters have written.
func (f *authenticateFilter) mountLast(r *framework.Router, opts ...framework.LaneOption) {
	if f.made.config.Sealer != nil {
		f.MountSealer(r, opts...)
	}
}

func (f *authenticateFilter) reload(next part) error {
	a, ok := next.(*authenticate)
	if !ok {
		return errRestart
	}
	return f.Reload(f.hooks.authenticating(a.config))
}
