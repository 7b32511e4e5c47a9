package main

import (
	"errors"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// dnsFile is the section dns. The settings have the names of the fields of
// [resolver.Config].
type dnsFile struct {
	Servers      nameServers `yaml:"servers"`
	Records      word        `yaml:"records"`
	Timeout      duration    `yaml:"timeout"`
	MinTTL       ttl         `yaml:"min_ttl"`
	MaxTTL       duration    `yaml:"max_ttl"`
	MaxNegative  duration    `yaml:"max_negative"`
	Failure      duration    `yaml:"failure"`
	MaxNames     limit       `yaml:"max_names"`
	MaxBytes     limit       `yaml:"max_bytes"`
	MaxLookups   limit       `yaml:"max_lookups"`
	MaxPerDomain limit       `yaml:"max_per_domain"`
	MaxWaiting   limit       `yaml:"max_waiting"`
	GiveWay      duration    `yaml:"give_way"`
}

// The types of values in the section.
type (
	nameServers struct{ list []word } // nil means those of the system
	limit       struct{ n int }
	ttl         struct {
		duration
		position
	}
)

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *nameServers) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return errors.New("want a list of name servers such as [\"127.0.0.1:53\"]; leave servers out to use those of the system")
	}
	return n.Decode(&v.list)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *limit) UnmarshalYAML(n *yaml.Node) error {
	if err := n.Decode(&v.n); err != nil || v.n <= 0 {
		return errors.New("want a number of 1 or more")
	}
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *ttl) UnmarshalYAML(n *yaml.Node) error {
	v.position = positionOf(n)
	return v.duration.UnmarshalYAML(n)
}

// resolver returns what looks up the keys.
func (d *dnsFile) resolver() (dkim.Resolver, error) {
	if d.Records.text != "" {
		r, err := readRecords(d.Records.text)
		return r, d.Records.wrong(err)
	}
	servers, err := d.Servers.addresses()
	if err != nil {
		return nil, err
	}
	r, err := newResolver(resolver.Config{
		Servers: servers, Timeout: d.Timeout.Duration,
		MinTTL: d.MinTTL.Duration, MaxTTL: d.MaxTTL.Duration, MaxNegative: d.MaxNegative.Duration, Failure: d.Failure.Duration,
		MaxNames: d.MaxNames.n, MaxBytes: d.MaxBytes.n,
		MaxLookups: d.MaxLookups.n, MaxPerDomain: d.MaxPerDomain.n, MaxWaiting: d.MaxWaiting.n, GiveWay: d.GiveWay.Duration,
	})
	if d.MinTTL.Duration == 0 {
		return r, err
	}
	return r, d.MinTTL.wrong(err)
}

// addresses returns the addresses of the servers, or nil for those of the system.
func (v *nameServers) addresses() (addresses []string, err error) {
	var errs []error
	for _, server := range v.list {
		errs = append(errs, server.wrong(resolver.CheckServer(server.text)))
		addresses = append(addresses, server.text)
	}
	return addresses, errors.Join(errs...)
}

// newResolver returns a resolver, or nil with an error.
func newResolver(cfg resolver.Config) (dkim.Resolver, error) {
	r, err := resolver.New(cfg)
	if err != nil {
		return nil, err
	}
	return r, nil
}
