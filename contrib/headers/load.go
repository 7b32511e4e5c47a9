package headers

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v4"
)

// longestFile bounds a configuration's size.
const longestFile = 16 << 20

// Load reads a configuration in YAML. The error joins a [*ConfigError] for
// each mistake: what [New] finds, and unknown keys, wrong types, keys that are
// there twice, anchors and aliases, and second documents besides.
func Load(file string) (Config, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return Config{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	if err != nil {
		return Config{}, err
	}
	return Parse(file, text)
}

// Parse is [Load] for text that was read already. The file's name is for
// errors.
func Parse(file string, text []byte) (Config, error) {
	if len(text) > longestFile {
		return Config{}, fmt.Errorf("%s: larger than %d bytes", file, longestFile)
	}
	d := &decoder{file: file}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		return Config{}, d.syntax(err)
	}
	cfg := d.config(&doc)
	if len(d.errs) > 0 {
		return Config{}, errors.Join(d.errs...)
	}
	if _, err := compile(cfg); err != nil {
		return Config{}, err
	}
	return cfg, nil
}
