package headers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
)

// TestWrongFiles has each mistake named with its line and column.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	// Line 1 is "rules:", and what is tested begins on line 2.
	do := func(action string) string { return "- do:\n  - " + action }
	when := func(cond string) string { return "- when: {" + cond + "}\n  do: [reject: x]" }
	tests := map[string]struct{ text, want string }{
		"unknown key of a rule":    {"- if: {}\n  do: [reject: x]", `2:3: there is no key "if" here; want do, last, name, when`},
		"unknown action":           {do("drop: X"), `3:5: there is no key "drop" here; want add, delete,`},
		"unknown key of an action": {do("add: {name: X, value: y, colour: red}"), `3:30: there is no key "colour" here; want encode, name, skip_empty, value`},
		"unknown condition":        {when("client_ip: 1"), `2:10: there is no key "client_ip" here; want absent, all,`},
		"key twice":                {do("add: {name: X, value: y, name: Z}"), `3:30: the key "name" is here twice`},
		"a number for a text":      {do("add: {name: X, value: 5}"), `3:27: want a text, and not int "5"`},
		"nothing for a text":       {do("add: {name: X, value: }"), `want a text, and not nothing`},
		"a list for a text":        {do("delete: [X]"), `3:13: want a text, and not a list`},
		"a text for a truth":       {do("add: {name: X, value: y, encode: 'true'}"), `3:38: want true or false, and not str "true"`},
		"yes for true":             {do("add: {name: X, value: y, encode: yes}"), `3:38: want true or false`},
		"a text for a number":      {do("limit: {name: X, max: many}"), `3:27: want a whole number, and not str "many"`},
		"a huge number":            {do("limit: {name: X, max: 99999999}"), `3:27: 99999999 is out of range`},
		"limit to none":            {do("limit: {name: X, max: 0}"), `3:27: rule 1: Limit: Max: it is less than one`},
		"a text for a choice":      {do("delete: {name: X, which: third}"), `3:30: want every, first, last or a number`},
		"zero for a choice":        {do("delete: {name: X, which: 0}"), `3:30: want every, first, last or a number`},
		"a list for actions":       {"- do: {reject: x}", `2:7: want a list, and not a mapping`},
		"two actions in one":       {do("{reject: x, delete: Y}"), `3:5: want one action for each item of the list, and not 2`},
		"a text for an action":     {do("reject"), `3:5: want a mapping with add, delete`},
		"no action":                {"- when: {present: X}", `2:3: rule 1: do: a rule does something`},
		"no actions":               {"- do: []", `2:7: rule 1: do: a rule does something`},
		"no name":                  {do("add: {value: y}"), `3:10: rule 1: Add: Name: a header field has a name`},
		"hostile name":             {do(`add: {name: "X: y\r\nBcc", value: y}`), `3:17: rule 1: Add: Name: "X: y\r\nBcc" is no name`},
		"name in UTF-8":            {do(`delete: Größe`), `3:13: rule 1: Delete: Name: "Größe" is no name`},
		"long name":                {do("delete: " + strings.Repeat("x", 77)), `is longer than 76 bytes`},
		"hostile new name":         {do(`rename: {name: X, to: "Y\0"}`), `3:27: rule 1: Rename: To: "Y\x00" is no name`},
		"hostile value":            {do(`add: {name: X, value: "y\r\nBcc: eve"}`), `3:27: rule 1: Add: Value: "y\r\nBcc: eve" holds a control`},
		"NUL in a value":           {do(`add: {name: X, value: "y\0"}`), `holds a control character or an end of line`},
		"block with its end":       {do("add:\n      name: X\n      value: |\n        y"), `5:14: rule 1: Add: Value: "y\n" holds`},
		"long value":               {do("add: {name: X, value: " + strings.Repeat("x", 9000) + "}"), `the text is longer than 8192 bytes`},
		"bad template":             {do("add: {name: X, value: '{{ .Helo'}"), `3:27: rule 1: Add: Value: value:1: unclosed action`},
		"unknown fact":             {do("add: {name: X, value: '{{ .Password }}'}"), `there is no fact .Password`},
		"half a fact":              {do("add: {name: X, value: '{{ .Client }}'}"), `there is no fact .Client`},
		"a loop":                   {do("add: {name: X, value: '{{ range .Recipients }}x{{ end }}'}"), `{{range .Recipients}}x{{end}} is not among what`},
		"a template in a template": {do(`add: {name: X, value: '{{ define "a" }}{{ template "a" }}{{ end }}'}`), `a template defines no templates`},
		"a block":                  {do(`add: {name: X, value: '{{ block "a" . }}{{ end }}'}`), `a template defines no templates`},
		"an unknown template":      {do(`add: {name: X, value: '{{ template "a" }}'}`), `{{template "a"}} is not among what`},
		"a variable":               {do(`add: {name: X, value: '{{ $x := .Helo }}'}`), `a template has no variables`},
		"all facts":                {do(`add: {name: X, value: '{{ . }}'}`), `. is neither a fact nor a text`},
		"a function it has not":    {do(`add: {name: X, value: '{{ printf "%9999999d" 1 }}'}`), `is neither a fact nor a text`},
		"another one":              {do(`add: {name: X, value: '{{ html .Helo }}'}`), `there is no function "html"`},
		"too few arguments":        {do(`add: {name: X, value: '{{ eq .Helo }}'}`), `eq with 1 arguments`},
		"a control in a template":  {do(`add: {name: X, value: '{{ "a\nb" }}'}`), `"a\nb" holds a control character`},
		"a macro of no stage":      {do(`add: {name: X, value: '{{ .Macro "mine" }}'}`), `the stage of the macro "mine" is not known`},
		"a hostile macro":          {do(`add: {name: X, value: '{{ .Macro "a b" }}'}`), `"a b" is no name of a macro`},
		"an else that is wrong":    {do(`add: {name: X, value: '{{ if .Helo }}a{{ else }}{{ .No }}{{ end }}'}`), `there is no fact .No`},
		"a then that is wrong":     {do(`add: {name: X, value: '{{ if .Helo }}{{ .No }}{{ end }}'}`), `there is no fact .No`},
		"a text with an argument":  {do(`add: {name: X, value: '{{ "a" "b" }}'}`), `"a" takes no argument`},
		"a pattern without groups": {do(`add: {name: X, value: '{{ .Match }}'}`), `.Match takes one argument`},
		"a group by a fact":        {do(`add: {name: X, value: '{{ .Group .Helo }}'}`), `.Group with .Helo`},
		"a macro of no name":       {when("macro: ''"), `2:17: rule 1: Macro: Name: "" is no name of a macro`},
		"a group below zero":       {do(`add: {name: X, value: '{{ .Match -1 }}'}`), `.Match with -1`},
		"a fact with an argument":  {do(`add: {name: X, value: '{{ .Helo 1 }}'}`), `.Helo takes no argument`},
		"a fact in a pipe":         {do(`add: {name: X, value: '{{ "x" | .Helo }}'}`), `.Helo takes nothing from a pipe`},
		"bad pattern":              {do("delete: {name: X, match: '('}"), "3:30: rule 1: Delete: Match: error parsing regexp: missing closing ): `(`"},
		"huge pattern":             {do("delete: {name: X, match: '((((a{100}){100}){100}){100}){100}'}"), "3:30: rule 1: Delete: Match: error parsing regexp"},
		"no pattern":               {when("matches: {name: X}"), `2:19: rule 1: Matches: Match: there is no pattern`},
		"no network":               {when("client: [10.0.0.0/8, example.org]"), `2:31: rule 1: Client: Networks/2: "example.org" is neither an address`},
		"a network with more":      {when("client: 10.0.0.1/8"), `2:18: rule 1: Client: Networks/1: "10.0.0.1/8" has bits behind its prefix; the network is 10.0.0.0/8`},
		"no networks":              {when("client: []"), `2:18: the list is empty`},
		"no address":               {when("sender: ['a@b.c', '<x>']"), `2:28: rule 1: Sender: In/2: "<x>" is neither`},
		"no addresses":             {when("sender: {}"), `rule 1: Sender: neither In nor Match is there`},
		"a dot":                    {when("sender: [.]"), `2:19: rule 1: Sender: In/1: "." is neither`},
		"half a domain":            {when("recipient: '@.example.org'"), `2:21: rule 1: Recipient: In/1: "@.example.org" is neither`},
		"a wildcard":               {when("sender: ['*@example.org']"), `2:19: rule 1: Sender: In/1: "*@example.org": there are no wildcards`},
		"a wildcard domain":        {when("sender: {in: ['*.example.org']}"), `2:24: rule 1: Sender: In/1: "*.example.org": there are no wildcards`},
		"the standard among names": {when("duplicated: [X, rfc5322]"), `2:26: "rfc5322" is no name of a field; rfc5322, alone, stands for`},
		"the standard, misspelt":   {when("malformed: RFC5322"), `2:21: "RFC5322" is no name of a field`},
		"a mapped network":         {when("client: '::ffff:10.0.0.1/104'"), `2:18: rule 1: Client: Networks/1: "::ffff:10.0.0.1/104" has bits behind its prefix`},
		"no size at all":           {when("size: {}"), `2:16: rule 1: Size: no size is over 0 and under 0`},
		"a size of none":           {when("size: {over: 9223372036854775807, under: 5}"), `2:16: rule 1: Size: no size is over 9223372036854775807 and under 5`},
		"a size below zero":        {when("size: {over: -1}"), `2:16: rule 1: Size: no size is over -1`},
		"nothing in any":           {when("any: []"), `2:15: rule 1: Any: there is no condition in it`},
		"nothing in when":          {"- when: {}\n  do: [reject: x]", `2:9: there is no condition in it`},
		"deep in conditions":       {when("not: {any: [{absent: X}, {not: {helo: '['}}]}"), `rule 1: Not: Any: Not: Helo: Match: error parsing regexp`},
		"no size":                  {when("size: {over: 5, under: 6}"), `2:16: rule 1: Size: no size is over 5 and under 6`},
		"text in the wrong code":   {do("reject: {code: 250}"), `3:13: rule 1: Reject: `},
		"status of another class":  {do("reject: {code: 450, status: 5.7.1}"), `3:13: rule 1: Reject: `},
		"text of two lines":        {do(`reject: "a\r\nb"`), `3:13: rule 1: Reject: `},
		"hostile reason":           {do(`quarantine: "a\nb"`), `3:17: rule 1: Quarantine: Reason: `},
		"replaced by nothing":      {do(`replace: {name: X, value: ''}`), `3:31: rule 1: Replace: Value: it is empty; Delete deletes`},
		"nothing to put before":    {do(`prefix: {name: X, text: ''}`), `3:29: rule 1: Prefix: Text: there is none`},
		"an alias":                 {do("delete: &x X") + "\n  - delete: *x", `there are neither anchors nor aliases here`},
		"a cycle":                  {"- &x [*x]", `2:3: there are neither anchors nor aliases here`},
		"a merge":                  {do("add: {<<: {name: X}}"), `there is no key "<<" here`},
		"a tag":                    {do("delete: !!binary eHh4"), `3:13: there are no tags here`},
		"deep":                     {"- " + strings.Repeat("[", 100) + strings.Repeat("]", 100), `this is nested deeper than 64`},
		"bad YAML":                 {"- do: [\n", `did not find expected`},
		"a tab":                    {"\t- do", `2:1: found character that cannot start any token`},
		"second document":          {do("delete: X") + "\n---\nrules: []", `expected single document`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := headers.Parse("x.yaml", []byte("rules:\n"+c.text+"\n"))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			var at *headers.ConfigError
			require.ErrorAs(t, err, &at)
			assert.Equal(t, "x.yaml", at.File)
			assert.Positive(t, at.Line)
			assert.Positive(t, at.Column)
			assert.Regexp(t, `^x\.yaml:\d+:\d+: `, err.Error())
		})
	}
}

func TestWrongTops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"empty":                   {"", "x.yaml:1:1: "},
		"null":                    {"~", "x.yaml:1:1: want a mapping with macros, metrics, name, rules, and not nothing"},
		"a list":                  {"[]", "x.yaml:1:1: want a mapping"},
		"no rules":                {"name: x", "x.yaml:1:1: there are no rules"},
		"no such stage":           {"macros: {x: body}\nrules: []", `x.yaml:1:13: there are no macros at the stage "body"`},
		"macro of a bad name":     {"macros: {'a b': mail}\nrules: []", `x.yaml:1:10: "a b" is no name of a macro`},
		"macro of no name":        {"macros: {'{}': mail}\nrules: []", `x.yaml:1:10: "" is no name of a macro`},
		"macro in braces and not": {"macros: {a: mail, '{a}': rcpt}\nrules: []", `x.yaml:1:19: the macro "a" is here twice`},
		"not UTF-8":               {"rules: \xff", "x.yaml:1:1: "},
		"a NUL":                   {"rules: \x00", "x.yaml:1:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := headers.Parse("x.yaml", []byte(c.text))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
		})
	}
}

// TestManyMistakes has all of them told at once.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	_, err := headers.Parse("x.yaml", []byte("rules:\n- do: [delete: 'a b', delete: {name: X, match: '['}]\n- name: two\n  do: [rename: {name: A}]\n"))
	require.Error(t, err)
	assert.Equal(t, []string{
		`x.yaml:2:16: rule 1: Delete: Name: "a b" is no name of a header field`,
		"x.yaml:2:48: rule 1: Delete: Match: error parsing regexp: missing closing ]: `[`",
		`x.yaml:4:16: rule 2 (two): Rename: To: a header field has a name`,
	}, strings.Split(err.Error(), "\n"))
}

func TestWrongConfigs(t *testing.T) {
	t.Parallel()
	_, err := headers.New(headers.Config{
		Macros: map[string]string{"x": "body", "a b": "mail", "c": "mail", "{c}": "rcpt"},
		Rules: []headers.Rule{
			{Name: "one", When: headers.All{nil, headers.Not{}}, Do: []headers.Action{nil, headers.Add{Name: "X", Value: "\xff"}}},
			{},
		},
	})
	require.Error(t, err)
	assert.Equal(t, []string{
		`headers: Macros: "a b" is no name of a macro`,
		`headers: Macros: "x": there are no macros at the stage "body"`,
		`headers: Macros: "c" is here with and without braces`,
		`headers: rule 1 (one): All: a condition is nil`,
		`headers: rule 1 (one): All: Not: a condition is nil`,
		`headers: rule 1 (one): an action is nil`,
		`headers: rule 1 (one): Add: Value: the text is not UTF-8`,
		`headers: rule 2: do: a rule does something`,
	}, strings.Split(err.Error(), "\n"))
}

// TestWrongChoices has a choice among fields that no file can say.
func TestWrongChoices(t *testing.T) {
	t.Parallel()
	for _, which := range []headers.Which{1<<20 + 1, -1<<20 - 1} {
		_, err := headers.New(headers.Config{Rules: []headers.Rule{{Do: []headers.Action{headers.Delete{Name: "X", Which: which}}}}})
		require.ErrorContains(t, err, "headers: rule 1: Delete: Which: ")
		require.ErrorContains(t, err, "is out of range")
	}
}

func TestLoadOfAFolder(t *testing.T) {
	t.Parallel()
	_, err := headers.Load(t.TempDir())
	require.ErrorContains(t, err, "is a directory")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.yaml")
	_, err := headers.Load(file)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte("name: n\nrules: [{name: r, do: [{delete: {name: X, which: -2}}]}]"), 0o600))
	cfg, err := headers.Load(file)
	require.NoError(t, err)
	assert.Equal(t, "n", cfg.Name)
	require.Len(t, cfg.Rules, 1)
	assert.Equal(t, "r", cfg.Rules[0].Name)
	require.NoError(t, os.WriteFile(file, []byte("rules: [x]"), 0o600))
	_, err = headers.Load(file)
	require.ErrorContains(t, err, file+":1:9: want a mapping with do, last, name, when, and not str \"x\"")
}
