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
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
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
	f.Add("rules: [{do: [{delete: X-Spam-*}, {rename: {name: X-A-*, to: X-B-*}}, {strip: {names: [A, B-*]}}, {reject: '{{ .Helo }}'}]}]")
	f.Add("rules: [{when: {absent: [A, B], present: {name: [X, Y], which: 2}, addresses: {name: [From], in: [a.b, .c], every: true}, equal: {of: '{{ .Address \"From\" }}', to: [x, '{{ .Auth }}']}}, do: [{delete: {name: [A, B]}}, {join: [To]}, {limit: {name: [A], max: 1}}]}]")
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
	f.Add("{{ .Address \"X\" | local }}{{ domains (.Domain \"Subject\") }}{{ domain .Helo }}{{ .ShownRecipients }}", "a@b.c, d@e.f", "\"a\" <b@c.d", false)
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
		if encode && utf8.ValidString(text+helo+value) {
			for _, c := range []byte(res.Header("X")) {
				require.Less(t, c, byte(0x80))
			}
		}
	})
}

// FuzzJoin checks that joining two fields loses no address and adds none, and that a field
// that is not joined stays as it is.
func FuzzJoin(f *testing.F) {
	for _, c := range joinTests() {
		values := strings.SplitN(strings.ReplaceAll(c.header, "\n", ""), "To: ", 3)
		f.Add(values[min(1, len(values)-1)], values[len(values)-1])
	}
	filter := parsed(f, "rules: [{do: [join: To]}]")
	f.Fuzz(func(t *testing.T, one, two string) {
		if strings.ContainsAny(one+two, "\x00\r\n") || len(one)+len(two) > 40000 {
			return
		}
		msg := miltertest.Message("\nbody\n")
		msg.Header = []mta.Field{field("To", one), field("To", two)}
		res := miltertest.Run(t, filter, msg)
		res.AssertAccepted(t)
		if len(res.HeaderValues("To")) == 2 {
			res.AssertUnmodified(t)
			return
		}
		if strings.Trim(one+two, " \t,") == "" {
			return // the first stays as it is
		}
		assertFolded(t, "To", res.Header("To"))
		first, _ := message.ParseAddressList(one, message.Tolerant)
		second, _ := message.ParseAddressList(two, message.Tolerant)
		joined, _ := message.ParseAddressList(res.Header("To"), message.Tolerant)
		assert.Equal(t, append(first, second...), joined)
	})
}
