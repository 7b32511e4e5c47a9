package yamlconf_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// sample is a file with a value of each type.
type sample struct {
	Word     yamlconf.Word      `yaml:"word"`
	Words    yamlconf.Words     `yaml:"words"`
	Networks []yamlconf.Network `yaml:"networks"`
	Address  yamlconf.Address   `yaml:"address"`
	Date     yamlconf.Date      `yaml:"date"`
	Duration yamlconf.Duration  `yaml:"duration"`
	Count    yamlconf.Count     `yaml:"count"`
	Limit    yamlconf.Limit     `yaml:"limit"`
	Size     yamlconf.Size      `yaml:"size"`
	Below    below              `yaml:"below"`
	Inline   `yaml:",inline"`
}

type below struct {
	Servers string `yaml:"servers"`
	set     bool
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (b *below) UnmarshalYAML(n *yaml.Node) error {
	type plain below
	b.set = true
	return yamlconf.Decode(n, (*plain)(b))
}

type Inline struct {
	Inner string `yaml:"inner"`
}

func TestParse(t *testing.T) {
	t.Parallel()
	var s sample
	require.NoError(t, yamlconf.Parse("x.yaml", []byte(yamlconf.ByteOrderMark+`word: one
words: [a, b]
networks: [10.0.0.1/8, 192.0.2.7, "2001:db8::/32"]
address: :9090
date: 2026-01-31
duration: 15m
count: -1
limit: 5
size: 64 MiB
below: {servers: x}
inner: y
`), &s))
	assert.Equal(t, yamlconf.Word{Text: "one", Position: yamlconf.Position{Line: 1, Column: 7}}, s.Word)
	assert.Equal(t, []string{"a", "b"}, yamlconf.Texts(s.Words.List))
	assert.Equal(t, yamlconf.Position{Line: 2, Column: 12}, s.Words.List[1].Position)
	prefixes := yamlconf.Prefixes(s.Networks)
	require.Len(t, prefixes, 3)
	assert.Equal(t, "10.0.0.0/8 192.0.2.7/32 2001:db8::/32", prefixes[0].String()+" "+prefixes[1].String()+" "+prefixes[2].String())
	assert.Equal(t, ":9090", s.Address.Text)
	assert.Equal(t, time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), s.Date.Time)
	assert.Equal(t, 15*time.Minute, s.Duration.Duration)
	assert.Equal(t, -1, s.Count.N)
	assert.Equal(t, 5, s.Limit.N)
	assert.Equal(t, int64(64<<20), s.Size.Bytes)
	assert.True(t, s.Below.set)
	assert.Equal(t, "x", s.Below.Servers)
	assert.Equal(t, "y", s.Inner)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {" \n", "x.yaml:1:1: the file is empty"},
		"unknown":         {"\nlimits: 1\n", `x.yaml:2:1: unknown setting "limits"`},
		"unknown below":   {"below: {server: x}\n", `x.yaml:1:9: unknown setting "server" (did you mean servers?)`},
		"twice":           {"word: a\nword: b\n", `x.yaml:2:1: mapping key "word" already defined at line 1`},
		"not YAML":        {"word: [\n", "x.yaml:2:1: "},
		"a kind of value": {"word: [a]\n", "x.yaml:1:7: want a text, not a list"},
		"settings":        {"inner: {a: b}\n", "x.yaml:1:8: want a text, not settings"},
		"no settings":     {"below: 5\n", "x.yaml:1:8: want settings, such as {name: value}, not 5"},
		"several lines":   {"below: \"a\\nb\"\n", "x.yaml:1:8: want settings, such as {name: value}, not a b"},
		"no list":         {"networks: 10.0.0.0/8\n", "x.yaml:1:11: want a list, such as [a, b], not 10.0.0.0/8"},
		"a tab":           {"below:\n\tx: y\n", "x.yaml:2:1: found character that cannot start any token; a tab cannot indent a line"},
		"network":         {"networks: [10.0.0.0/40]\n", "x.yaml:1:12: want an address or a network such as 192.0.2.0/24"},
		"address":         {"address: 9090\n", `x.yaml:1:10: metrics "9090": want an address and a port, such as 127.0.0.1:9090`},
		"date":            {"date: soon\n", "x.yaml:1:7: want a date such as 2026-01-31, in UTC, or 2026-01-31T12:00:00Z"},
		"duration":        {"duration: -1s\n", "x.yaml:1:11: want a duration such as 10s, 15m or 168h"},
		"limit":           {"limit: 0\n", "x.yaml:1:8: want a number of 1 or more"},
		"size":            {"size: 1TB\n", "x.yaml:1:7: want a size such as 65536, 64KiB, 256MiB or 16GiB"},
		"size too large":  {"size: 9000000000GiB\n", "x.yaml:1:7: want a size"},
		"no size":         {"size: 0\n", "x.yaml:1:7: want a size"},
	} {
		var s sample
		err := yamlconf.Parse("x.yaml", []byte(c.text), &s)
		require.Error(t, err, name)
		assert.True(t, strings.HasPrefix(err.Error(), c.want), "%s: %s", name, err)
		assert.NotContains(t, err.Error(), "yamlconf", name)
	}
}

func TestAllMistakes(t *testing.T) {
	t.Parallel()
	err := yamlconf.Parse("x.yaml", []byte("wrod: a\nduration: soon\nnetworks: [x, y]\n"), new(sample))
	require.Error(t, err)
	assert.Equal(t, []string{
		`x.yaml:1:1: unknown setting "wrod"`,
		"x.yaml:2:11: want a duration such as 10s, 15m or 168h",
		"x.yaml:3:12: want an address or a network such as 192.0.2.0/24",
		"x.yaml:3:15: want an address or a network such as 192.0.2.0/24",
	}, strings.Split(err.Error(), "\n"))
}

func TestHints(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"wrod: a\n":          `x.yaml:1:1: unknown setting "wrod" (did you mean word?)`,
		"iner: a\n":          `x.yaml:1:1: unknown setting "iner" (did you mean inner?)`,
		"color: a\n":         `x.yaml:1:1: unknown setting "color"`,
		"below: {srvers: a}": `x.yaml:1:9: unknown setting "srvers" (did you mean servers?)`,
	} {
		assert.EqualError(t, yamlconf.ParseWithHints("x.yaml", []byte(text), new(sample)), want)
	}
	assert.EqualError(t, yamlconf.ParseWithHints("x.yaml", nil, new(sample)), "x.yaml:1:1: the file is empty")
}

// A part that is decoded later must be a tree: no value may stand for itself, or for more values
// than memory holds.
func TestNoAliases(t *testing.T) {
	t.Parallel()
	const plain = "anchors and aliases are not allowed; a text that begins with & or * needs quotes"
	for text, want := range map[string]string{
		"below: &a {servers: *a}\n": "x.yaml:1:8: " + plain,
		"word: &a x\ninner: *a\n":   "x.yaml:1:7: " + plain + "\nx.yaml:2:8: " + plain,
		"below: {<<: *a}\n":         "x.yaml:1:13: unknown anchor",
		"inner: " + strings.Repeat("[", 70) + strings.Repeat("]", 70): "x.yaml:1:71: more than 64 levels of nesting",
	} {
		err := yamlconf.ParseWithHints("x.yaml", []byte(text), new(sample))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}

func TestDecodeSection(t *testing.T) {
	t.Parallel()
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte("a: 1\nsection:\n  duration: soon\n  wrod: x\n"), &doc))
	err := yamlconf.DecodeSection("x.yaml", doc.Content[0].Content[3], new(sample))
	assert.EqualError(t, err, "x.yaml:3:13: want a duration such as 10s, 15m or 168h\n"+`x.yaml:4:3: unknown setting "wrod" (did you mean word?)`)
}

func TestPrefixed(t *testing.T) {
	t.Parallel()
	at := yamlconf.Position{Line: 3, Column: 4}
	require.NoError(t, yamlconf.Prefixed("x", nil))
	require.NoError(t, at.Wrong(nil))
	cause := errors.New("one\ntwo")
	err := yamlconf.Prefixed("x", errors.Join(at.Wrong(cause), errors.New("whole"), errors.Join(at.Wrongf("n %d", 1))))
	require.EqualError(t, err, "x:3:4: one\nx:3:4: two\nx: whole\nx:3:4: n 1")
	require.ErrorIs(t, err, cause)
	assert.EqualError(t, at.Wrong(cause), "3:4: one\ntwo")
}

func TestMissingLists(t *testing.T) {
	t.Parallel()
	assert.Nil(t, yamlconf.Texts(nil))
	assert.NotNil(t, yamlconf.Texts([]yamlconf.Word{}))
	assert.Nil(t, yamlconf.Prefixes(nil))
	assert.NotNil(t, yamlconf.Prefixes([]yamlconf.Network{}))
}

func TestSame(t *testing.T) {
	t.Parallel()
	node := func(text string) *yaml.Node {
		var doc yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
		return &doc
	}
	one := node("a: [1, x]\nb: 'y'\n")
	assert.True(t, yamlconf.Same(one, node("# a comment\n\na:\n- 1\n- x # more\nb: \"y\"\n")))
	assert.True(t, yamlconf.Same(nil, nil))
	assert.False(t, yamlconf.Same(one, nil))
	for _, other := range []string{"a: [1]\nb: y\n", "a: ['1', x]\nb: y\n", "a: [1, x]\nb: z\n", "a: [1, x]\n"} {
		assert.False(t, yamlconf.Same(one, node(other)), other)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	_, err := yamlconf.ReadFile(t.TempDir())
	assert.ErrorContains(t, err, "not a regular file")
}
