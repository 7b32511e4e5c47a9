package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

type macroPair struct{ name, value string }

func macroPairs(list string) []macroPair {
	var got []macroPair
	for name, value := range wire.Macros(text(list)) {
		got = append(got, macroPair{string(name), string(value)})
	}
	return got
}

func TestMacros(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, list string
		want       []macroPair
	}{
		{"none", "", nil},
		{"two", "j\x00mx\x00{rcpt_addr}\x00a@b\x00", []macroPair{{"j", "mx"}, {"{rcpt_addr}", "a@b"}}},
		{"empty value", "j\x00\x00i\x001\x00", []macroPair{{"j", ""}, {"i", "1"}}},
		{"odd", "j\x00mx\x00i\x00", []macroPair{{"j", "mx"}, {"i", ""}}},
		{"name without its NUL", "j\x00mx\x00i", []macroPair{{"j", "mx"}, {"i", ""}}},
		{"value without its NUL", "i\x00abc", []macroPair{{"i", "abc"}}},
		{"nothing but NULs", "\x00\x00\x00", []macroPair{{"", ""}, {"", ""}}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, macroPairs(tc.list))
		})
	}
}

func TestMacrosStopsWhenTold(t *testing.T) {
	t.Parallel()
	seen := 0
	for range wire.Macros(text("a\x001\x00b\x002\x00")) {
		seen++
		break
	}
	assert.Equal(t, 1, seen)
}

func TestLookupMacro(t *testing.T) {
	t.Parallel()
	const list = "i\x00one\x00{auth_type}\x00PLAIN\x00i\x00two\x00{j}\x00\x00{}\x00braces\x00v\x00last"
	cases := []struct {
		name, value string
		ok          bool
	}{
		{"i", "one", true},
		{"{i}", "one", true},
		{"auth_type", "PLAIN", true},
		{"{auth_type}", "PLAIN", true},
		{"j", "", true},
		{"{}", "braces", true},
		{"v", "last", true},
		{"PLAIN", "", false}, // a value is no name
		{"auth", "", false},
		{"", "", false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			value, ok := wire.LookupMacro(text(list), tc.name)
			assert.Equal(t, tc.ok, ok)
			assert.Equal(t, tc.value, string(value))
		})
	}
}

func TestLookupMacroOfNothing(t *testing.T) {
	t.Parallel()
	_, ok := wire.LookupMacro(nil, "i")
	assert.False(t, ok)
}

func TestAppendMacro(t *testing.T) {
	t.Parallel()
	list := wire.AppendMacro(nil, "i", "4ABC")
	list = wire.AppendMacro(list, "{mail_addr}", "")
	assert.Equal(t, "i\x004ABC\x00{mail_addr}\x00\x00", string(list))
}

func TestAppendMacroCannotSmuggleAnother(t *testing.T) {
	t.Parallel()
	list := wire.AppendMacro(nil, "a\x00b", "1\x00{auth_authen}\x00admin")
	assert.Equal(t, []macroPair{{"a", "1"}}, macroPairs(string(list)))
}

// A list may be for a command that carries no macros, or for no command.
func TestMacroForAnything(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		got, err := wire.ParseCommand(wire.Frame{Code: 'D', Data: []byte{byte(code), 'i', 0, '1', 0}})
		require.NoError(t, err)
		assert.Equal(t, wire.CommandCode(code), got.(*wire.Macro).For)
	}
}

func TestMacroTextIsOneLineOfASCII(t *testing.T) {
	t.Parallel()
	m := wire.Macro{For: 0xFF, List: text("a\nb\x00c\nd\x00x=y\x00\x1b[2J\x00{ok}\x00v\x00")}
	assert.Equal(t, `SMFIC_MACRO for command 'ÿ' "a\nb"="c\nd" "x=y"="\x1b[2J" {ok}="v"`, m.String())
}
