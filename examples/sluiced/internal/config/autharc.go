package config

import (
	"errors"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// arcFile is the section arc.
type arcFile struct {
	MinBits yamlconf.Limit `yaml:"min_bits"`
	MaxBits yamlconf.Limit `yaml:"max_bits"`
	Seal    *seal          `yaml:"seal"`
}

func (f *arcFile) config() arc.VerifierConfig {
	return arc.VerifierConfig{MinBits: f.MinBits.N, MaxBits: f.MaxBits.N}
}

// seal is the section seal: how messages are sealed that go on to others.
type seal struct {
	yamlconf.Position
	sealFile
}

type sealFile struct {
	Domain        yamlconf.Word      `yaml:"domain"`
	Selector      yamlconf.Word      `yaml:"selector"`
	File          yamlconf.Word      `yaml:"file"`
	AllowReadable bool               `yaml:"allow_readable"`
	Headers       []yamlconf.Word    `yaml:"headers"`
	Networks      []yamlconf.Network `yaml:"networks"`
	Authenticated bool               `yaml:"authenticated"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (s *seal) UnmarshalYAML(n *yaml.Node) error {
	s.Position = yamlconf.At(n)
	return yamlconf.Decode(n, &s.sealFile)
}

// config returns the settings with the key, which it loads.
func (s *seal) config(in dkimfile.Folder) (*arc.SealerConfig, error) {
	if s.Domain.Text == "" || s.Selector.Text == "" || s.File.Text == "" {
		return nil, s.Wrong(errors.New("seal needs a domain, a selector and a file"))
	}
	key, err := dkimfile.LoadKey(in.File(s.File.Text), s.AllowReadable)
	if err != nil {
		return nil, s.File.Wrong(err)
	}
	cfg := &arc.SealerConfig{
		Domain: s.Domain.Text, Selector: s.Selector.Text, Signer: key, Headers: yamlconf.Texts(s.Headers),
		Networks: yamlconf.Prefixes(s.Networks), Authenticated: s.Authenticated,
	}
	if _, err := arc.NewSealer(*cfg); err != nil {
		return nil, s.Wrong(err)
	}
	return cfg, nil
}
