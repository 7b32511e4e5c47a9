package config

import (
	"errors"
	"log/slog"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// file is the content of a configuration file. README.md describes each setting. The parts
// that are nodes are decoded one by one, so that a mistake in one of them hides none in the
// others.
type file struct {
	Listen     []listenAddress  `yaml:"listen"`
	Metrics    yamlconf.Address `yaml:"metrics"`
	Inspect    raw              `yaml:"inspect"`
	Log        logFile          `yaml:"log"`
	DNS        raw              `yaml:"dns"`
	Limits     raw              `yaml:"limits"`
	Middleware raw              `yaml:"middleware"`
	Filters    raw              `yaml:"filters"`
}

type raw = yamlconf.Raw

// listenAddress is an address in the form of framework.Listen.
type listenAddress struct {
	text string
	yamlconf.Position
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (a *listenAddress) UnmarshalYAML(n *yaml.Node) error {
	a.text, a.Position = n.Value, yamlconf.At(n)
	return cli.CheckAddress(n.Value)
}

// logFile is the section log.
type logFile struct {
	Level  logLevel  `yaml:"level"`
	Format logFormat `yaml:"format"`
}

// The types of values in the section.
type (
	logLevel  struct{ slog.Level }
	logFormat struct{ text string }
)

// UnmarshalYAML implements [yaml.Unmarshaler].
func (l *logLevel) UnmarshalYAML(n *yaml.Node) (err error) {
	l.Level, err = oneOf(n, []string{"debug", "info", "warn", "error"}, []slog.Level{
		slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError,
	})
	return err
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (f *logFormat) UnmarshalYAML(n *yaml.Node) (err error) {
	f.text, err = oneOf(n, []string{"text", "json"}, []string{"text", "json"})
	return err
}

// oneOf returns the value that belongs to the text of a node. names and values have the same
// length.
func oneOf[T any](n *yaml.Node, names []string, values []T) (T, error) {
	for i, name := range names {
		if n.Kind == yaml.ScalarNode && n.Value == name {
			return values[i], nil
		}
	}
	last := len(names) - 1
	var none T
	return none, errors.New("want " + strings.Join(names[:last], ", ") + " or " + names[last])
}
