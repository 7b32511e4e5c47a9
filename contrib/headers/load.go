package headers

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// maxFileSize limits the size of a configuration file, in bytes.
const maxFileSize = 16 << 20

// Load reads a configuration from a YAML file. If the configuration has
// mistakes, the error joins a [*ConfigError] for each. Load reports the
// mistakes that [New] reports, and also unknown keys, duplicate keys, wrong
// types, anchors, aliases, tags and additional documents. Load accepts regular
// files only: see [configfile.Read]. To give up waiting for a file system that
// does not answer, call it in a [configfile.Loader].
func Load(file string) (Config, error) {
	text, _, err := configfile.Read(file, maxFileSize)
	if err != nil {
		return Config{}, err
	}
	return Parse(file, text)
}

// Parse is like [Load] but takes the text of the file. The name of the file
// appears in errors.
func Parse(file string, text []byte) (Config, error) {
	if len(text) > maxFileSize {
		return Config{}, fmt.Errorf("%s: larger than %d bytes", file, maxFileSize)
	}
	d := &decoder{file: file}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		return Config{}, d.syntaxError(text, err)
	}
	return d.checked(d.config(&doc))
}

// ParseSection is like [Parse] but takes a section of a larger YAML file. The node is the
// mapping of the section. It has the keys macros and rules, and not name, metrics and inspect,
// which the program sets. The name of the file appears in errors, with the lines of the whole file.
// The node is not kept.
func ParseSection(file string, section *yaml.Node) (Config, error) {
	d := &decoder{file: file}
	return d.checked(d.section(section))
}

// checked returns a configuration, or its mistakes.
func (d *decoder) checked(cfg Config) (Config, error) {
	if len(d.errs) > 0 {
		return Config{}, errors.Join(d.errs...)
	}
	if _, err := compile(cfg); err != nil {
		return Config{}, err
	}
	return cfg, nil
}
