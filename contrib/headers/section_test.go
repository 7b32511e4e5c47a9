package headers_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/headers"
)

// inLarger returns the value of the key headers in a larger file.
func inLarger(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var file struct {
		Headers yaml.Node `yaml:"headers"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &file))
	return &file.Headers
}

// Each mistake in a section has its line and column in the whole file.
func TestParseSectionMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":   {"a: b\nheaders:\n  ruls: []\n", "big.yaml:3:3: unknown key \"ruls\" (did you mean rules?); want macros, rules"},
		"no metrics":    {"headers: {metrics: '127.0.0.1:1', rules: []}\n", "big.yaml:1:11: unknown key \"metrics\"; want macros, rules"},
		"no name":       {"headers: {name: x, rules: []}\n", "big.yaml:1:11: unknown key \"name\"; want macros, rules"},
		"no rules":      {"\nheaders: {macros: {}}\n", `big.yaml:2:10: the key "rules" is missing`},
		"a list":        {"headers: [x]\n", "big.yaml:1:10: want a mapping with macros, rules, got a list"},
		"an anchor":     {"headers: &a {rules: []}\n", "big.yaml:1:10: anchors and aliases are not allowed; a text that begins with & or * needs quotes"},
		"a wrong name":  {"a: b\nheaders:\n  rules:\n  - do: [delete: 'a b']\n", "big.yaml:4:18: rule 1: Delete: Name: "},
		"a wrong value": {"headers: {rules: [{do: [{limit: x}]}]}\n", "big.yaml:1:33: want a mapping"},
	} {
		_, err := headers.ParseSection("big.yaml", inLarger(t, c.text))
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), c.want, name)
		_, ok := errors.AsType[*headers.ConfigError](err)
		assert.True(t, ok, name)
	}
}

func TestParseSectionAllMistakes(t *testing.T) {
	t.Parallel()
	_, err := headers.ParseSection("big.yaml", inLarger(t, "headers:\n  rules:\n  - do: [delete: 'a b']\n  - do: [delete: 'c d']\n"))
	require.ErrorContains(t, err, "big.yaml:3:18: ")
	require.ErrorContains(t, err, "big.yaml:4:18: ")
}

// A section has the same rules as a file of its own.
func TestParseSection(t *testing.T) {
	t.Parallel()
	cfg, err := headers.ParseSection("big.yaml", inLarger(t, "headers:\n  rules: [{do: [{add: {name: X, value: '1'}}]}]\n"))
	require.NoError(t, err)
	f, err := headers.NewReloadable(cfg)
	require.NoError(t, err)
	assert.Equal(t, 1, f.Rules())
	assert.Equal(t, "headers", f.Name())
}
