package headers_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// FuzzParse checks that a file is either a configuration with a valid plan, or
// has mistakes with their places.
func FuzzParse(f *testing.F) {
	sample, err := os.ReadFile("../../examples/headerd/headerd.yaml")
	require.NoError(f, err)
	f.Add(string(sample))
	f.Add("rules:\n" + everything)
	f.Add("macros: {x: rcpt}\nrules: [{when: {macro: x, not: {any: [{helo: a}, {size: {under: 9}}]}}, do: [{reject: {code: 451}}]}]")
	for _, c := range actionTests() {
		f.Add(c.yaml())
	}
	for _, text := range []string{"", "&a [*a]", "a: *b", "rules: [[[[", "? - a\n: b", "rules: !!set {a, b}", "\xff", "<<: {}", "rules: 0x1F", "rules:\n\t- a", "%YAML 9.9\n---\n", "rules: |\n a\n...\n---\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := headers.Parse("f", []byte(text))
		if err != nil {
			var at *headers.ConfigError
			require.ErrorAs(t, err, &at)
			assert.Positive(t, at.Line)
			assert.Positive(t, at.Column)
			return
		}
		filter, err := headers.New(cfg)
		require.NoError(t, err)
		r := framework.NewRouter()
		r.Mount(filter)
		_, err = r.Plan()
		require.NoError(t, err)
	})
}

// FuzzTemplate checks that a template either does not compile or renders a
// valid field value, whatever the facts of the session are.
func FuzzTemplate(f *testing.F) {
	f.Add("{{ .Helo }}", "a\r\nBcc: eve", "=?utf-8?q?x?=", false)
	f.Add("{{ .Match 0 }}{{ .Group \"a\" }}", strings.Repeat("x", 3000), "a\n b", true)
	f.Add("{{ if eq .Helo .Value }}{{ .Macro \"daemon_name\" | upper }}{{ end }}", "ü", strings.Repeat("\x80", 2000), true)
	f.Add("{{ and (.Auth | default \"x\") .Sender }}", strings.Repeat(" ", 200), "\t\n \t", false)
	f.Add("{{ define \"a\" }}{{ end }}", "", "", false)
	f.Add("{{ range . }}{{ end }}", "", "", false)
	f.Fuzz(func(t *testing.T, text, helo, value string, encode bool) {
		if strings.Contains(helo+value, "\x00") || len(helo)+len(value) > 40000 {
			return // the protocol has no such thing
		}
		filter, err := headers.New(headers.Config{Rules: []headers.Rule{{
			When: headers.Any{headers.Matches{Name: "Subject", Match: `(?s)^(?P<a>.?).*$`}},
			Do: []headers.Action{
				headers.Replace{Name: "Subject", Value: text + ".", Encode: encode},
				headers.Add{Name: "X", Value: text, Encode: encode},
				headers.Prefix{Name: "Y", Text: text + "."},
				headers.Suffix{Name: "Z", Text: "." + text},
			},
		}}})
		if err != nil {
			return
		}
		msg := miltertest.Message("\nbody\n", miltertest.Helo(helo))
		for _, name := range []string{"Subject", "Y", "Z"} {
			msg.Header = append(msg.Header, field(name, value))
		}
		res := miltertest.Run(t, filter, msg)
		res.AssertAccepted(t)
		require.Len(t, res.HeaderValues("X"), 1)
		assertFolded(t, "X", res.Header("X"))
		assertFolded(t, "Subject", res.Header("Subject"))
		if encode && utf8.ValidString(text) {
			for _, c := range []byte(res.Header("X")) {
				require.Less(t, c, byte(0x80))
			}
		}
	})
}
