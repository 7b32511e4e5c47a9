package inspectfile

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// section is the section inspect.
type section struct {
	Address          address            `yaml:"address"`
	TokenFile        yamlconf.Word      `yaml:"token_file"`
	Content          content            `yaml:"content"`
	ShortenAddresses bool               `yaml:"shorten_addresses"`
	Complete         *bool              `yaml:"complete"`
	Share            share              `yaml:"share"`
	Slow             yamlconf.Duration  `yaml:"slow"`
	Memory           yamlconf.Size      `yaml:"memory"`
	MaxMessage       yamlconf.Size      `yaml:"max_message"`
	Folder           yamlconf.Word      `yaml:"folder"`
	FolderSize       yamlconf.Size      `yaml:"folder_size"`
	ProxyUserHeader  yamlconf.Word      `yaml:"proxy_user_header"`
	ProxyNetworks    []yamlconf.Network `yaml:"proxy_networks"`
}

// Settings reads a section. The path is that of the whole file, for errors. Names of files are
// relative to the folder, if it is not empty. Nil is a section without settings. The error has
// a line for each mistake, with its place.
func Settings(path string, n *yaml.Node, folder string) (inspecting.Settings, error) {
	if n == nil {
		return inspecting.Settings{}, nil
	}
	var s section
	if err := yamlconf.DecodeSection(path, n, &s); err != nil {
		return inspecting.Settings{}, err
	}
	if err := s.validate(n); err != nil {
		return inspecting.Settings{}, yamlconf.Prefixed(path, err)
	}
	got := s.settings(folder)
	if s.Address.text != "" {
		got.Place = fmt.Sprintf("%s:%d:%d", path, s.Address.Line, s.Address.Column)
	}
	return got, yamlconf.Prefixed(path, placed(n, got.Config.Check()))
}

// settingOf are the settings of the fields of inspect.Config that it checks.
var settingOf = map[string]string{
	"Memory": "memory", "FolderSize": "folder_size", "MaxMessage": "max_message", "Shorten": "shorten_addresses",
}

// placed returns errors of inspect.Config with the names and places of the settings.
func placed(n *yaml.Node, err error) error {
	joined, ok := err.(interface{ Unwrap() []error }) // what Check returns itself
	if !ok {
		return yamlconf.At(n).Wrong(err)
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		wrong, ok := errors.AsType[*inspect.FieldError](err)
		if !ok {
			errs = append(errs, yamlconf.At(n).Wrong(err))
			continue
		}
		name := cmp.Or(settingOf[wrong.Field], wrong.Field)
		errs = append(errs, placeOf(n, name).Wrongf("%s %s", name, wrong.Problem))
	}
	return errors.Join(errs...)
}

// placeOf returns the place of a setting's value, or that of the section.
func placeOf(n *yaml.Node, name string) yamlconf.Position {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return yamlconf.At(n.Content[i+1])
		}
	}
	return yamlconf.At(n)
}

func (s *section) settings(folder string) inspecting.Settings {
	return inspecting.Settings{
		Address: s.Address.text, TokenFile: in(folder, s.TokenFile.Text),
		Incomplete: s.Complete != nil && !*s.Complete,
		Config: inspect.Config{
			Memory: s.Memory.Bytes, Folder: in(folder, s.Folder.Text), FolderSize: s.FolderSize.Bytes,
			MaxMessage: s.MaxMessage.Bytes, Content: s.Content.Content, Shorten: s.ShortenAddresses,
			Share: s.Share.share, Slow: s.Slow.Duration,
			ProxyUserHeader: s.ProxyUserHeader.Text, ProxyNetworks: yamlconf.Prefixes(s.ProxyNetworks),
		},
	}
}

// validate checks the settings that belong together.
func (s *section) validate(n *yaml.Node) error {
	var errs []error
	if s.FolderSize.Bytes > 0 && s.Folder.Text == "" {
		errs = append(errs, s.FolderSize.Wrongf("folder_size needs folder"))
	}
	switch named := s.ProxyUserHeader.Text != ""; {
	case named && len(s.ProxyNetworks) == 0:
		errs = append(errs, s.ProxyUserHeader.Wrongf("proxy_user_header needs proxy_networks: the addresses of the proxy, which alone may set it"))
	case !named && s.ProxyNetworks != nil:
		errs = append(errs, yamlconf.At(n).Wrongf("proxy_networks needs proxy_user_header"))
	}
	both := inspecting.Settings{Address: s.Address.text, TokenFile: s.TokenFile.Text, Config: inspect.Config{ProxyUserHeader: s.ProxyUserHeader.Text}}
	return errors.Join(append(errs, s.Address.Wrong(both.Validate()))...)
}

// in returns the path of a file.
func in(folder, path string) string {
	if path == "" || folder == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// address is where the page is served.
type address struct {
	text string
	yamlconf.Position
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (a *address) UnmarshalYAML(n *yaml.Node) error {
	a.text, a.Position = n.Value, yamlconf.At(n)
	return inspecting.CheckAddress(n.Value)
}

// content is what is recorded of a message.
type content struct{ record.Content }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (c *content) UnmarshalYAML(n *yaml.Node) (err error) {
	c.Content, err = inspecting.ParseContent(n.Value)
	return err
}

// share is a share of messages, in the form of inspect.Config.
type share struct{ share float64 }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (s *share) UnmarshalYAML(n *yaml.Node) error {
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return errors.New("want a share such as 0.1, or 0 for none but the messages that are always kept")
	}
	if s.share = v; v == 0 {
		s.share = -1 // 0 is the default, which keeps all
	}
	return nil
}
