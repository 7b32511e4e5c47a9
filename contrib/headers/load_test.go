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

// TestWrongFiles checks that each mistake is reported with its line and column.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	// Line 1 is "rules:". The text of each test begins on line 2.
	do := func(action string) string { return "- do:\n  - " + action }
	when := func(cond string) string { return "- when: {" + cond + "}\n  do: [reject: x]" }
	tests := map[string]struct{ text, want string }{
		"unknown key of a rule":    {"- if: {}\n  do: [reject: x]", `2:3: unknown key "if"; want do, last, name, optional, when`},
		"unknown action":           {do("drop: X"), `3:5: unknown key "drop"; want add, delete,`},
		"unknown key of an action": {do("add: {name: X, value: y, colour: red}"), `3:30: unknown key "colour"; want encode, name, skip_empty, value`},
		"unknown condition":        {when("client_ip: 1"), `2:10: unknown key "client_ip" (did you mean client?); want absent, addresses, all,`},
		"key twice":                {do("add: {name: X, value: y, name: Z}"), `3:30: duplicate key "name"`},
		"a number for a text":      {do("add: {name: X, value: 5}"), `3:27: want a text, got int "5"`},
		"nothing for a text":       {do("add: {name: X, value: }"), `want a text, got nothing`},
		"a list for a text":        {do("add: {name: [X], value: y}"), `3:17: want a text, got a list`},
		"a text for a truth":       {do("add: {name: X, value: y, encode: 'true'}"), `3:38: want true or false, got str "true"`},
		"yes for true":             {do("add: {name: X, value: y, encode: yes}"), `3:38: want true or false`},
		"a text for a number":      {do("limit: {name: X, max: many}"), `3:27: want a whole number, got str "many"`},
		"a huge number":            {do("limit: {name: X, max: 99999999}"), `3:27: 99999999 is out of range`},
		"limit to none":            {do("limit: {name: X, max: 0}"), `3:27: rule 1: Limit: Max: want at least 1`},
		"a text for a choice":      {do("delete: {name: X, which: third}"), `3:30: want every, first, last, or a whole number`},
		"zero for a choice":        {do("delete: {name: X, which: 0}"), `3:30: want every, first, last, or a whole number`},
		"a list for actions":       {"- do: {reject: x}", `2:7: want a list, got a mapping`},
		"two actions in one":       {do("{reject: x, delete: Y}"), `3:5: want one action in each item of the list, got 2`},
		"a text for an action":     {do("reject"), `3:5: want a mapping with add, delete`},
		"no action":                {"- when: {present: X}", `2:3: rule 1: do: the rule has no actions`},
		"no actions":               {"- do: []", `2:7: rule 1: do: the rule has no actions`},
		"no name":                  {do("add: {value: y}"), `3:10: rule 1: Add: Name: the field name is empty`},
		"hostile name":             {do(`add: {name: "X: y\r\nBcc", value: y}`), `3:17: rule 1: Add: Name: "X: y\r\nBcc" is not a valid field name`},
		"name in UTF-8":            {do(`delete: Größe`), `3:13: rule 1: Delete: Name: "Größe" is not a valid field name`},
		"long name":                {do("delete: " + strings.Repeat("x", 77)), `is longer than 76 bytes`},
		"hostile new name":         {do(`rename: {name: X, to: "Y\0"}`), `3:27: rule 1: Rename: To: "Y\x00" is not a valid field name`},
		"encoded message ID":       {do("replace: {name: message-id, value: y, encode: true}"), `3:51: rule 1: Replace: Encode: the field message-id cannot have encoded words; leave out encode`},
		"encoded date":             {do("add: {name: Resent-Date, value: y, encode: true}"), `3:48: rule 1: Add: Encode: the field Resent-Date cannot have encoded words`},
		"encoded family":           {do("replace: {name: Resent-*, value: y, encode: true}"), `3:49: rule 1: Replace: Encode: the fields of Resent-* may differ in where encoded words can be; name one field`},
		"a family to add a tag to": {do("prefix: {name: X-*, text: y, or_add: true}"), `rule 1: Prefix: Name: `},
		"encoded content type":     {do("insert: {name: Content-Type, value: y, encode: true}"), `Insert: Encode: the field Content-Type cannot have encoded words`},
		"hostile value":            {do(`add: {name: X, value: "y\r\nBcc: eve"}`), `3:27: rule 1: Add: Value: "y\r\nBcc: eve" contains a control`},
		"NUL in a value":           {do(`add: {name: X, value: "y\0"}`), `contains a control character or a line break`},
		"block with its end":       {do("add:\n      name: X\n      value: |\n        y"), `5:14: rule 1: Add: Value: "y\n" contains`},
		"long value":               {do("add: {name: X, value: " + strings.Repeat("x", 9000) + "}"), `the text is longer than 8192 bytes`},
		"bad template":             {do("add: {name: X, value: '{{ .Helo'}"), `3:27: rule 1: Add: Value: unclosed action`},
		"unknown fact":             {do("add: {name: X, value: '{{ .Password }}'}"), `unknown fact .Password`},
		"half a fact":              {do("add: {name: X, value: '{{ .Client }}'}"), `unknown fact .Client`},
		"a loop":                   {do("add: {name: X, value: '{{ range .Recipients }}x{{ end }}'}"), `{{range .Recipients}}x{{end}} is not supported in a template`},
		"a template in a template": {do(`add: {name: X, value: '{{ define "a" }}{{ template "a" }}{{ end }}'}`), `a template cannot define other templates`},
		"a block":                  {do(`add: {name: X, value: '{{ block "a" . }}{{ end }}'}`), `a template cannot define other templates`},
		"an unknown template":      {do(`add: {name: X, value: '{{ template "a" }}'}`), `{{template "a"}} is not supported in a template`},
		"a variable":               {do(`add: {name: X, value: '{{ $x := .Helo }}'}`), `variables are not supported in a template`},
		"all facts":                {do(`add: {name: X, value: '{{ . }}'}`), `. is neither a fact nor a quoted string`},
		"a function it has not":    {do(`add: {name: X, value: '{{ printf "%9999999d" 1 }}'}`), `unknown function "printf"; the functions are and, default,`},
		"a bare number":            {do(`add: {name: X, value: '{{ eq .Helo 1 }}'}`), `1 is neither a fact nor a quoted string`},
		"another one":              {do(`add: {name: X, value: '{{ html .Helo }}'}`), `unknown function "html"`},
		"too few arguments":        {do(`add: {name: X, value: '{{ eq .Helo }}'}`), `wrong number of arguments for eq: 1`},
		"a control in a template":  {do(`add: {name: X, value: '{{ "a\nb" }}'}`), `"a\nb" contains a control character`},
		"a macro of no stage":      {do(`add: {name: X, value: '{{ .Macro "mine" }}'}`), `unknown stage of the macro "mine"`},
		"a hostile macro":          {do(`add: {name: X, value: '{{ .Macro "a b" }}'}`), `"a b" is not a valid macro name`},
		"an else that is wrong":    {do(`add: {name: X, value: '{{ if .Helo }}a{{ else }}{{ .No }}{{ end }}'}`), `unknown fact .No`},
		"a then that is wrong":     {do(`add: {name: X, value: '{{ if .Helo }}{{ .No }}{{ end }}'}`), `unknown fact .No`},
		"a text with an argument":  {do(`add: {name: X, value: '{{ "a" "b" }}'}`), `"a" takes no argument`},
		"a pattern without groups": {do(`add: {name: X, value: '{{ .Match }}'}`), `.Match takes one argument`},
		"a group by a fact":        {do(`add: {name: X, value: '{{ .Group .Helo }}'}`), `invalid argument of .Group: .Helo`},
		"a macro of no name":       {when("macro: ''"), `2:17: rule 1: Macro: Name: "" is not a valid macro name`},
		"a group below zero":       {do(`add: {name: X, value: '{{ .Match -1 }}'}`), `invalid argument of .Match: -1`},
		"a fact with an argument":  {do(`add: {name: X, value: '{{ .Helo 1 }}'}`), `.Helo takes no argument`},
		"a fact in a pipe":         {do(`add: {name: X, value: '{{ "x" | .Helo }}'}`), `.Helo takes no value from a pipe`},
		"bad pattern":              {do("delete: {name: X, match: '('}"), "3:30: rule 1: Delete: Match: error parsing regexp: missing closing ): `(`"},
		"huge pattern":             {do("delete: {name: X, match: '((((a{100}){100}){100}){100}){100}'}"), "3:30: rule 1: Delete: Match: error parsing regexp"},
		"no pattern":               {when("matches: {name: X}"), `2:19: rule 1: Matches: Match: the pattern is empty`},
		"no network":               {when("client: [10.0.0.0/8, example.org]"), `2:31: rule 1: Client: Networks/2: "example.org" is neither an address`},
		"a network with more":      {when("client: 10.0.0.1/8"), `2:18: rule 1: Client: Networks/1: "10.0.0.1/8" has bits set after its prefix; the network is 10.0.0.0/8`},
		"no networks":              {when("client: []"), `2:18: the list is empty`},
		"no address":               {when("sender: ['a@b.c', '<x>']"), `2:28: rule 1: Sender: In/2: "<x>" is neither`},
		"no addresses":             {when("sender: {}"), `rule 1: Sender: want In, Match or both`},
		"a dot":                    {when("sender: [.]"), `2:19: rule 1: Sender: In/1: "." is neither`},
		"half a domain":            {when("recipient: '@.example.org'"), `2:21: rule 1: Recipient: In/1: "@.example.org" is neither`},
		"a wildcard":               {when("sender: ['*@example.org']"), `2:19: rule 1: Sender: In/1: "*@example.org": wildcards are not supported`},
		"a wildcard domain":        {when("sender: {in: ['*.example.org']}"), `2:24: rule 1: Sender: In/1: "*.example.org": wildcards are not supported`},
		"the standard among names": {when("duplicated: [X, rfc5322]"), `2:26: "rfc5322" is not a field name; to select the fields of RFC 5322, write rfc5322 alone`},
		"the standard, misspelt":   {when("malformed: RFC5322"), `2:21: "RFC5322" is not a field name`},
		"a mapped network":         {when("client: '::ffff:10.0.0.1/104'"), `2:18: rule 1: Client: Networks/1: "::ffff:10.0.0.1/104" has bits set after its prefix`},
		"no size at all":           {when("size: {}"), `2:16: rule 1: Size: no valid size range: over 0, under 0`},
		"a size of none":           {when("size: {over: 9223372036854775807, under: 5}"), `2:16: rule 1: Size: no valid size range: over 9223372036854775807, under 5`},
		"a size below zero":        {when("size: {over: -1}"), `2:16: rule 1: Size: no valid size range: over -1`},
		"nothing in any":           {when("any: []"), `2:15: rule 1: Any: want at least one condition`},
		"nothing in when":          {"- when: {}\n  do: [reject: x]", `2:9: want at least one condition`},
		"deep in conditions":       {when("not: {any: [{absent: X}, {not: {helo: '['}}]}"), `rule 1: Not: Any: Not: Helo: Match: error parsing regexp`},
		"no size":                  {when("size: {over: 5, under: 6}"), `2:16: rule 1: Size: no valid size range: over 5, under 6`},
		"text in the wrong code":   {do("reject: {code: 250}"), `3:13: rule 1: Reject: `},
		"status of another class":  {do("reject: {code: 450, status: 5.7.1}"), `3:13: rule 1: Reject: `},
		"text of two lines":        {do(`reject: "a\r\nb"`), `3:13: rule 1: Reject: `},
		"hostile reason":           {do(`quarantine: "a\nb"`), `3:17: rule 1: Quarantine: Reason: `},
		"replaced by nothing":      {do(`replace: {name: X, value: ''}`), `3:31: rule 1: Replace: Value: the value is empty; use Delete to delete fields`},
		"nothing to put before":    {do(`prefix: {name: X, text: ''}`), `3:29: rule 1: Prefix: Text: the text is empty`},
		"an alias":                 {do("delete: &x X") + "\n  - delete: *x", `anchors and aliases are not allowed`},
		"a cycle":                  {"- &x [*x]", `2:3: anchors and aliases are not allowed`},
		"a merge":                  {do("add: {<<: {name: X}}"), `unknown key "<<"`},
		"a tag":                    {do("delete: !!binary eHh4"), `3:13: tags are not allowed`},
		"deep":                     {"- " + strings.Repeat("[", 100) + strings.Repeat("]", 100), `nested more than 64 levels deep`},
		"bad YAML":                 {"- do: [\n", `did not find expected`},
		"a tab":                    {"\t- do", `2:1: found character that cannot start any token`},
		"second document":          {do("delete: X") + "\n---\nrules: []", `:4:1: a second document begins here`},
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
		"null":                    {"~", "x.yaml:1:1: want a mapping with inspect, macros, metrics, name, rules, got nothing"},
		"a list":                  {"[]", "x.yaml:1:1: want a mapping"},
		"no rules":                {"name: x", "x.yaml:1:1: the key \"rules\" is missing"},
		"no such stage":           {"macros: {x: body}\nrules: []", `x.yaml:1:13: "body" is not a stage with macros`},
		"macro of a bad name":     {"macros: {'a b': mail}\nrules: []", `x.yaml:1:10: "a b" is not a valid macro name`},
		"macro of no name":        {"macros: {'{}': mail}\nrules: []", `x.yaml:1:10: "" is not a valid macro name`},
		"macro in braces and not": {"macros: {a: mail, '{a}': rcpt}\nrules: []", `x.yaml:1:19: duplicate macro "a"`},
		"not UTF-8":               {"rules: \xff", "x.yaml:1:8: the byte 0xff is not valid UTF-8; save the file in UTF-8"},
		"not UTF-8 in line 4":     {"# größe\n#\n#\n- ä\xe4\n", "x.yaml:4:4: the byte 0xe4 is not valid UTF-8"},
		"a NUL":                   {"rules: \x00", "x.yaml:1:8: the character U+0000 is not allowed in a file"},
		"a control character":     {"# a\r\n# ü\x07\n", "x.yaml:2:4: the character U+0007 is not allowed"},
		"no character":            {"# a\u0080\n\uffff", "x.yaml:2:1: the character U+FFFF is not allowed"},
		"no port of metrics":      {"rules: []\nmetrics: '127.0.0.1:x'", `x.yaml:2:10: metrics "127.0.0.1:x": the port is neither a number from 0 to 65535 nor the name of a service`},
		"no metrics":              {"rules: []\nmetrics: nope", `x.yaml:2:10: metrics "nope": want an address and a port, such as 127.0.0.1:9090`},
		"no document":             {"# nothing\n", "x.yaml:1:1: the file is empty; write a list of rules below the key rules"},
		"a second document":       {"rules: []\n---\n# x\nrules: []\n", "x.yaml:2:1: a second document begins here; leave out the line ---"},
		"a document of a word":    {"rules: []\n--- x\n", "x.yaml:2:1: a second document begins here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := headers.Parse("x.yaml", []byte(c.text))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
		})
	}
}

// TestManyMistakes checks that all mistakes are reported at once.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	_, err := headers.Parse("x.yaml", []byte("rules:\n- do: [delete: 'a b', delete: {name: X, match: '['}]\n- name: two\n  do: [rename: {name: A}]\n"))
	require.Error(t, err)
	assert.Equal(t, []string{
		`x.yaml:2:16: rule 1: Delete: Name: "a b" is not a valid field name; write printable ASCII characters without space and colon`,
		"x.yaml:2:48: rule 1: Delete: Match: error parsing regexp: missing closing ]: `[`",
		`x.yaml:4:16: rule 2 (two): Rename: To: the field name is empty; write printable ASCII characters without space and colon`,
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
		`headers: Macros: "a b" is not a valid macro name`,
		`headers: Macros: "x": "body" is not a stage with macros; want connect, helo, mail, rcpt, data, end of headers, end of message`,
		`headers: Macros: duplicate macro "c", with and without braces`,
		`headers: rule 1 (one): All: the condition is nil`,
		`headers: rule 1 (one): All: Not: the condition is nil`,
		`headers: rule 1 (one): the action is nil`,
		`headers: rule 1 (one): Add: Value: the text is not valid UTF-8`,
		`headers: rule 2: do: the rule has no actions`,
	}, strings.Split(err.Error(), "\n"))
}

// TestWrongChoices checks values of Which that a file cannot contain.
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
	require.ErrorContains(t, err, file+":1:9: want a mapping with do, last, name, optional, when, got str \"x\"")
}
