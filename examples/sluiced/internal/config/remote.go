package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/samber/lo"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// remotePart is a milter that runs elsewhere.
type remotePart struct {
	node   *yaml.Node
	config remote.Config
}

// remoteFile has the names of the fields of remote.Config.
type remoteFile struct {
	Addresses        yamlconf.Words     `yaml:"addresses"`
	Version          yamlconf.Limit     `yaml:"version"`
	IfAway           ifAway             `yaml:"if_away"`
	Macros           map[stage][]string `yaml:"macros"`
	CountDeleted     bool               `yaml:"count_deleted"`
	Shadow           *shadowFile        `yaml:"shadow"`
	DialTimeout      yamlconf.Duration  `yaml:"dial_timeout"`
	CommandTimeout   yamlconf.Duration  `yaml:"command_timeout"`
	ContentTimeout   yamlconf.Duration  `yaml:"content_timeout"`
	MaxEdits         yamlconf.Size      `yaml:"max_edits"`
	MaxModifications yamlconf.Limit     `yaml:"max_modifications"`
	EjectAfter       yamlconf.Limit     `yaml:"eject_after"`
	EjectFor         yamlconf.Duration  `yaml:"eject_for"`
	MaxIdle          yamlconf.Limit     `yaml:"max_idle"`
	IdleTimeout      yamlconf.Duration  `yaml:"idle_timeout"`
}

type shadowFile struct {
	Of        yamlconf.Word `yaml:"of"`
	MaxQueued yamlconf.Size `yaml:"max_queued"`
}

// ifAway is what happens at the start if no milter answers.
type ifAway struct{ start bool }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (a *ifAway) UnmarshalYAML(n *yaml.Node) (err error) {
	a.start, err = oneOf(n, []string{"stop", "start"}, []bool{false, true})
	return err
}

func (*remotePart) kind() string          { return "remote" }
func (m *remotePart) section() *yaml.Node { return m.node }

func (m *remotePart) summary() string {
	at := strings.Join(m.config.Addresses, ", ")
	if m.config.Shadow != nil {
		return "shadow of " + m.config.Shadow.Of + ": " + at
	}
	return at
}

func (m *remotePart) prepare(p *preparation, l *lane) {
	var f remoteFile
	if err := yamlconf.DecodeSection(p.path, m.node, &f); err != nil {
		p.whole(err)
		return
	}
	before := len(p.errs)
	for _, address := range f.Addresses.List {
		if _, _, err := mta.ParseAddr(address.Text); err != nil {
			p.wrong(address.Wrong(errors.New("want an address such as inet:8891@127.0.0.1 or unix:/run/opendkim.sock")))
		}
	}
	if len(f.Addresses.List) == 0 {
		p.wrong(yamlconf.At(m.node).Wrong(errors.New("addresses is missing: give the address of the milter, such as [inet:8891@127.0.0.1]")))
	}
	if len(p.errs) > before {
		return
	}
	m.config = f.config(l.name)
	if _, err := remote.New(m.config); err != nil {
		p.wrong(yamlconf.At(m.node).Wrong(err))
	}
}

func (f *remoteFile) config(name string) remote.Config {
	cfg := remote.Config{
		Name: name, Addresses: yamlconf.Texts(f.Addresses.List), Version: uint32(f.Version.N), CountDeleted: f.CountDeleted, //nolint:gosec // remote.New checks it
		DialTimeout: f.DialTimeout.Duration, CommandTimeout: f.CommandTimeout.Duration, ContentTimeout: f.ContentTimeout.Duration,
		MaxEdits: int(f.MaxEdits.Bytes), MaxModifications: f.MaxModifications.N,
		EjectAfter: f.EjectAfter.N, EjectFor: f.EjectFor.Duration, MaxIdle: f.MaxIdle.N, IdleTimeout: f.IdleTimeout.Duration,
		Macros: lo.MapKeys(f.Macros, func(_ []string, at stage) framework.Stage { return at.Stage }),
	}
	if f.IfAway.start {
		cfg.WishesIfAway = new(remote.Everything())
	}
	if f.Shadow != nil {
		cfg.Shadow = &remote.Shadow{Of: f.Shadow.Of.Text, MaxQueued: int(f.Shadow.MaxQueued.Bytes)}
	}
	return cfg
}

func (m *remotePart) build(h Hooks) (filter, error) {
	cfg := m.config
	cfg.Logger = h.Log
	if h.OneMessage {
		cfg.WishesIfAway = new(remote.Everything())
	}
	f, err := remote.New(cfg)
	if err != nil {
		return nil, err
	}
	return &remoteFilter{f, m.node}, nil
}

// remoteFilter implements filter.
type remoteFilter struct {
	*remote.Filter
	node *yaml.Node
}

func (f *remoteFilter) mount(r *framework.Router, opts ...framework.LaneOption) {
	r.Mount(f, opts...)
}

// Register implements [framework.Filter].
func (f *remoteFilter) Register(r *framework.Router) error {
	if err := f.Filter.Register(r); err != nil {
		return fmt.Errorf("%w; with if_away: start, sluiced starts without the milter", err)
	}
	return nil
}

func (f *remoteFilter) reload(next part) error {
	if !yamlconf.Same(f.node, next.section()) {
		return errRestart
	}
	return nil
}
