package yamlconf_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// lists has lists in each place that a file can have them.
type lists struct {
	Texts    []string            `yaml:"texts"`
	Words    yamlconf.Words      `yaml:"words"`
	Networks []yamlconf.Network  `yaml:"networks"`
	Raw      yamlconf.Raw        `yaml:"raw"`
	Number   int                 `yaml:"number"`
	Named    map[string][]string `yaml:"named"`
	Nested   []*struct {
		Of []string `yaml:"of"`
	} `yaml:"nested"`
	inner `yaml:",inline"`
}

type inner struct {
	Inner []string `yaml:"inner"`
}

// The YAML package leaves empty items out of lists. They are mistakes, but for those of parts that
// are decoded later.
func TestEmptyItems(t *testing.T) {
	t.Parallel()
	const says = ": an item of the list is empty"
	for text, want := range map[string]string{
		"texts: [a, null]\n":             "x.yaml:1:12" + says,
		"texts:\n- a\n-\n":               "x.yaml:3:2" + says,
		"texts: [~, ~]\n":                "x.yaml:1:9" + says + "\nx.yaml:1:12" + says,
		"words: [null]\n":                "x.yaml:1:9" + says,
		"networks: [null]\n":             "x.yaml:1:12" + says,
		"named: {a: [null]}\n":           "x.yaml:1:13" + says,
		"nested: [{of: [null]}, null]\n": "x.yaml:1:16" + says + "\nx.yaml:1:24" + says,
		"inner: [null]\n":                "x.yaml:1:9" + says,
		"number: x\ntexts: [null]\n":     "x.yaml:1:9: want a number, not x\nx.yaml:2:9" + says,
		"texts: null\nnetworks: []\nnamed: {a: null}\nraw: [null]\ninner: ['', \"null\"]\n": "",
	} {
		for name, parse := range map[string]func(string, []byte, any) error{"Parse": yamlconf.Parse, "ParseWithHints": yamlconf.ParseWithHints} {
			err := parse("x.yaml", []byte(text), new(lists))
			if want == "" {
				require.NoError(t, err, name)
				continue
			}
			assert.EqualError(t, err, want, "%s: %s", name, text)
		}
	}
}
