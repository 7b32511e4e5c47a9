package dnsfile

import (
	"errors"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// Section is the section dns. The settings have the names of the fields of
// [resolver.Config]. What is missing has the resolver's default.
type Section struct {
	Servers      Servers           `yaml:"servers"`
	Timeout      yamlconf.Duration `yaml:"timeout"`
	MinTTL       yamlconf.Duration `yaml:"min_ttl"`
	MaxTTL       yamlconf.Duration `yaml:"max_ttl"`
	MaxNegative  yamlconf.Duration `yaml:"max_negative"`
	Failure      yamlconf.Duration `yaml:"failure"`
	MaxNames     yamlconf.Limit    `yaml:"max_names"`
	MaxBytes     yamlconf.Limit    `yaml:"max_bytes"`
	MaxLookups   yamlconf.Limit    `yaml:"max_lookups"`
	MaxPerDomain yamlconf.Limit    `yaml:"max_per_domain"`
	MaxWaiting   yamlconf.Limit    `yaml:"max_waiting"`
	GiveWay      yamlconf.Duration `yaml:"give_way"`
}

// Servers are name servers. The zero value means those of the system.
type Servers struct{ List []yamlconf.Word }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Servers) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return errors.New("want a list of name servers such as [\"127.0.0.1:53\"]; leave servers out to use those of the system")
	}
	return yamlconf.Decode(n, &v.List)
}

// Resolver returns a resolver with the settings. The error joins a [*yamlconf.PlaceError] for
// each mistake.
func (s *Section) Resolver() (*resolver.Resolver, error) {
	cfg, err := s.Config()
	if err != nil {
		return nil, err
	}
	r, err := resolver.New(cfg)
	if err != nil && s.MinTTL.Duration != 0 {
		err = s.MinTTL.Wrong(err)
	}
	return r, err
}

// Config returns the settings of a resolver. The error joins a [*yamlconf.PlaceError] for
// each mistake in the names of the servers.
func (s *Section) Config() (resolver.Config, error) {
	servers, err := s.Servers.addresses()
	return resolver.Config{
		Servers: servers, Timeout: s.Timeout.Duration,
		MinTTL: s.MinTTL.Duration, MaxTTL: s.MaxTTL.Duration, MaxNegative: s.MaxNegative.Duration, Failure: s.Failure.Duration,
		MaxNames: s.MaxNames.N, MaxBytes: s.MaxBytes.N,
		MaxLookups: s.MaxLookups.N, MaxPerDomain: s.MaxPerDomain.N, MaxWaiting: s.MaxWaiting.N, GiveWay: s.GiveWay.Duration,
	}, err
}

// addresses returns the addresses of the servers, or nil for those of the system.
func (v *Servers) addresses() (addresses []string, err error) {
	var errs []error
	for _, server := range v.List {
		errs = append(errs, server.Wrong(resolver.CheckServer(server.Text)))
		addresses = append(addresses, server.Text)
	}
	return addresses, errors.Join(errs...)
}
