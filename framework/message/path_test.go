package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, strict, tolerant string }{ // refused if empty
		"an address":            {"<ann@example.org>", "ann|example.org", "ann|example.org"},
		"without brackets":      {"ann@example.org", "ann|example.org", "ann|example.org"},
		"null":                  {"<>", "|", "|"},
		"null without brackets": {"", "|", "|"},
		"a route":               {"<@a.example,@b.example:ann@example.org>", "ann|example.org", "ann|example.org"},
		"a quoted local part":   {`<"ann \"x\" @ smith"@example.org>`, `ann "x" @ smith|example.org`, `ann "x" @ smith|example.org`},
		"quotes without need":   {`"ann"@example.org`, "ann|example.org", "ann|example.org"},
		"an empty local part":   {`""@example.org`, "|example.org", "|example.org"},
		"an IPv4 literal":       {"<ann@[192.0.2.1]>", "ann|[192.0.2.1]", "ann|[192.0.2.1]"},
		"an IPv6 literal":       {"<ann@[IPv6:2001:db8::1]>", "ann|[IPv6:2001:db8::1]", "ann|[IPv6:2001:db8::1]"},
		"another literal":       {"<ann@[x400:C=US]>", "", "ann|[x400:C=US]"},
		"UTF-8":                 {"<grün@exämple.org>", "grün|exämple.org", "grün|exämple.org"},
		"postmaster":            {"<Postmaster>", "Postmaster|", "Postmaster|"},
		"a plus":                {"<ann+tag=x/y@example.org>", "ann+tag=x/y|example.org", "ann+tag=x/y|example.org"},

		"no domain":              {"<root>", "", "root|"},
		"a quoted name alone":    {`"ann smith"`, "", "ann smith|"},
		"dots in a row":          {"<.ann..s.@example.org>", "", ".ann..s.|example.org"},
		"a dot at the end":       {"<ann@example.org.>", "", "ann|example.org."},
		"an underscore":          {"<ann@mail_1.example.org>", "", "ann|mail_1.example.org"},
		"one bracket":            {"<ann@example.org", "", "ann|example.org"},
		"the other bracket":      {"ann@example.org>", "", "ann|example.org"},
		"white space around":     {" <ann@example.org> ", "", "ann|example.org"},
		"white space within":     {"<ann smith@example.org>", "", "ann smith|example.org"},
		"two @":                  {"<a@b@example.org>", "", "a@b|example.org"},
		"a colon":                {"<ann:smith@example.org>", "", "ann:smith|example.org"},
		"Latin 1":                {"<gr\xfcn@example.org>", "", "gr\xfcn|example.org"},
		"a wrong literal":        {"<ann@[192.0.2.256]>", "", "ann|[192.0.2.256]"},
		"IPv6 without the tag":   {"<ann@[2001:db8::1]>", "", "ann|[2001:db8::1]"},
		"a literal without end":  {"<ann@[192.0.2.1>", "", "ann|[192.0.2.1"},
		"an @ in a literal":      {"<ann@[@]>", "", "ann|[@]"},
		"two literals":           {"<ann@[a]@[b@c]>", "", "ann@[a]|[b@c]"},
		"an @ behind a literal":  {"<ann@[a]b@c]>", "", "ann@[a]b|c]"},
		"a quoted literal":       {`<"ann@[x"@y]>`, "", "ann@[x|y]"},
		"quotes in the middle":   {`<ann"x"@example.org>`, "", `ann"x"|example.org`},
		"quotes that do not end": {`<"ann@example.org>`, "", `"ann|example.org`},
		"no domain behind the @": {"<ann@>", "", "ann|"},
		"a route without colon":  {"<@a.example>", "", ""},
		"no local part":          {"<@>", "", ""},
		"a route alone":          {"<@a.example:>", "", ""},
		"a control character":    {"<ann\x01@example.org>", "", ""},
		"one that is quoted":     {"<\"\\\x7f\"@example.org>", "", ""},
		"a quoted tab":           {"<\"\\\t\"@example.org>", "", "\t|example.org"},
		"a line break":           {"<ann@example.org>\r\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for mode, want := range map[message.Mode]string{message.Strict: c.strict, message.Tolerant: c.tolerant} {
				a, err := message.ParsePath(c.path, mode)
				if want == "" {
					var syntax *message.SyntaxError
					require.ErrorAs(t, err, &syntax)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, want, a.Local+"|"+string(a.Domain))
				assert.Empty(t, a.Name)
				assert.Equal(t, want == "|", a.IsNull())
			}
		})
	}
}

// FuzzParsePath proves that a path written out is read back, and that a tolerant parse
// gives what a strict one gives.
func FuzzParsePath(f *testing.F) {
	for _, path := range []string{"<ann@example.org>", "<>", "<@a,@b:c@d>", `<"a\"b@"@[IPv6:::1]>`, "postmaster", "<a@b@c", `"`, `"a"@"b@c"`, "<\"\\\x7f\"@[IPv6:::]>", "\"\\\t\"@b", "a@b>c>", "\xe4@b", "<@:@b@c>"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		strict, problem := message.ParsePath(path, message.Strict)
		tolerant, err := message.ParsePath(path, message.Tolerant)
		if problem == nil {
			require.NoError(t, err)
			assert.Equal(t, strict, tolerant)
			again, err := message.ParsePath(strict.Path(), message.Strict)
			require.NoError(t, err, strict.Path())
			assert.Equal(t, strict, again)
		}
		if err != nil {
			return
		}
		again, err := message.ParsePath(tolerant.Path(), message.Tolerant)
		require.NoError(t, err, tolerant.Path())
		assert.Equal(t, tolerant.Local, again.Local)
		assert.Equal(t, tolerant.Path(), again.Path()) // the domain may have had what none can have
		assert.False(t, strings.ContainsAny(tolerant.Path(), "\r\n\x00"))
	})
}
