package message_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
)

// listed shows addresses as name|local|domain.
func listed(list []message.Address) string {
	shown := make([]string, len(list))
	for i, a := range list {
		shown[i] = a.Name + "|" + a.Local + "|" + string(a.Domain)
	}
	return strings.Join(shown, " & ")
}

// conforming are values of RFC 5322, current and obsolete, and the addresses in them.
var conforming = map[string]struct{ value, want string }{
	"an address":                  {"ann@example.org", "|ann|example.org"},
	"space around":                {" \t ann@example.org ", "|ann|example.org"},
	"a name":                      {"Ann Smith <ann@example.org>", "Ann Smith|ann|example.org"},
	"a quoted name":               {`"Smith, Ann" <ann@example.org>`, "Smith, Ann|ann|example.org"},
	"quotes in a name":            {`"Ann \"A\" \\ Smith" <ann@example.org>`, `Ann "A" \ Smith|ann|example.org`},
	"an empty name":               {`"" <ann@example.org>`, "|ann|example.org"},
	"brackets alone":              {"<ann@example.org>", "|ann|example.org"},
	"a name with a dot":           {"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|john.q.public|example.com"},
	"an encoded name":             {"=?utf-8?q?=C3=84nn?= <ann@example.org>", "=?utf-8?q?=C3=84nn?=|ann|example.org"},
	"UTF-8":                       {"Änn <änn@bücher.example>", "Änn|änn|bücher.example"},
	"folded":                      {"Ann\r\n Smith\n\t<ann@example.org>", "Ann Smith|ann|example.org"},
	"folded in quotes":            {"\"Ann\r\n \r\n Smith\" <ann@example.org>", "Ann  Smith|ann|example.org"},
	"a quoted local part":         {`"ann smith"@example.org`, "|ann smith|example.org"},
	"an @ in a local part":        {`"ann@home"@example.org`, "|ann@home|example.org"},
	"an empty local part":         {`""@example.org`, "||example.org"},
	"a local part of words":       {`ann . "b c" . d @ example . org`, "|ann.b c.d|example.org"},
	"two":                         {"ann@example.org, Bob <bob@example.net>", "|ann|example.org & Bob|bob|example.net"},
	"empty elements":              {", ,ann@example.org,, (c) ,bob@example.net,", "|ann|example.org & |bob|example.net"},
	"a group":                     {"A Group:Ed Jones <joe@where.test>,joe@example.org,John <jdoe@one.test>;", "Ed Jones|joe|where.test & |joe|example.org & John|jdoe|one.test"},
	"an empty group":              {"Undisclosed recipients:;", ""},
	"a group of commas":           {"Undisclosed recipients(c):(x) , ,(y);(z)", ""},
	"a group among addresses":     {"ann@example.org, Team: bob@example.net;, eve@example.com", "|ann|example.org & |bob|example.net & |eve|example.com"},
	"a route":                     {"<@node1.test,@node2.test:ann@example.org>", "|ann|example.org"},
	"a route with empty elements": {"Mary Smith <,@node1.test, ,@(c)node2.test , :ann@example.org>", "Mary Smith|ann|example.org"},
	"an IPv4 literal":             {"ann@[192.0.2.1]", "|ann|[192.0.2.1]"},
	"an IPv6 literal":             {"Ann <ann@[IPv6:2001:db8::1]>", "Ann|ann|[IPv6:2001:db8::1]"},
	"a literal with spaces":       {"ann@ [ 192.0.2.1\r\n ] ", "|ann|[192.0.2.1]"},
	"a literal with a pair":       {`ann@[a\]b]`, `|ann|[a\]b]`},
	"comments":                    {"(a)ann(b)@(c)example(d).(e)org(f)", "|ann|example.org"},
	"comments in brackets":        {"Ann (a) Smith(b)<(c)ann(d)@(e)example.org(f)>(g)", "Ann Smith|ann|example.org"},
	"nested comments":             {`ann(a(b(c\)\()d)e)@example.org`, "|ann|example.org"},
	"a folded comment":            {"ann@example.org (a\r\n b)", "|ann|example.org"},
	"an address in a comment":     {"ann@example.org (<eve@example.net>, x)", "|ann|example.org"},
	"words side by side":          {`Ann"B"C<ann@example.org>`, "AnnBC|ann|example.org"},
}

func TestParseAddressList(t *testing.T) {
	t.Parallel()
	for name, c := range conforming {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []message.Mode{message.Strict, message.Tolerant} {
				list, err := message.ParseAddressList(c.value, mode)
				require.NoError(t, err)
				assert.Equal(t, c.want, listed(list))
			}
			require.NoError(t, message.CheckField("To", c.value))
		})
	}
}

// Of values that the grammar refuses, a tolerant parse finds what mail readers find.
func TestTolerantAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, problem, want string }{
		"the address as its name":         {"ann@example.com <ann@example.com>", "byte 16: expected a comma or the end of the list", "ann@example.com|ann|example.com"},
		"another address as the name":     {"ann@example.com <eve@example.net>", "byte 16: expected a comma", "ann@example.com|eve|example.net"},
		"a comma in the name":             {"Smith, Ann <ann@example.org>", "byte 5: expected an @ or a <", "Smith, Ann|ann|example.org"},
		"brackets in the name":            {"[ext] Ann <ann@example.org>", "byte 0: expected an address", "[ext] Ann|ann|example.org"},
		"a colon in the name":             {"Re: Ann <ann@example.org>", "byte 25: expected a comma, or a semicolon", "Re: Ann|ann|example.org"},
		"a semicolon in the name":         {"Ann; Smith <ann@example.org>", "byte 3: expected an @ or a <", "Ann, Smith|ann|example.org"},
		"a backslash in the name":         {`EXAMPLE\ann <ann@example.org>`, "byte 7: expected an @ or a <", `EXAMPLE\ann|ann|example.org`},
		"a dot before the name":           {".Ann <ann@example.org>", "byte 0: expected a word", ".Ann|ann|example.org"},
		"a bracket in the name":           {"Ann < Smith <ann@example.org>", "byte 12: expected an @", "Ann Smith|ann|example.org"},
		"a comment that does not end":     {"Ann (Smith <ann@example.org>", "byte 4: expected a comment that ends", "Ann (Smith|ann|example.org"},
		"a comment too much":              {"Ann Smith) <ann@example.org>", "byte 9: expected an @ or a <", "Ann Smith)|ann|example.org"},
		"a quote that does not end":       {`"Ann <ann@example.org>`, "byte 0: expected a quoted string that ends", `"Ann|ann|example.org`},
		"a quote too much":                {`"Ann" S" <ann@example.org>`, "byte 7: expected a quoted string that ends", `Ann S"|ann|example.org`},
		"Latin 1":                         {"\xc4nn <ann@example.org>", "byte 0: expected text in UTF-8", "\xc4nn|ann|example.org"},
		"Latin 1 in quotes":               {"\"\xc4nn, x\" <ann@example.org>", "byte 1: expected text in UTF-8", "\xc4nn, x|ann|example.org"},
		"a bracket that does not end":     {"Ann <ann@example.org", "byte 20: expected a > that ends the address", "Ann|ann|example.org"},
		"a bracket too much":              {"ann@example.org>", "byte 15: expected a comma or the end of the list", "|ann|example.org"},
		"double brackets":                 {"<<ann@example.org>>", "byte 1: expected a local part", "|ann|example.org"},
		"no comma":                        {"ann@example.org bob@example.net", "byte 16: expected a comma", "|ann|example.org & |bob|example.net"},
		"no comma between brackets":       {"<ann@example.org> <bob@example.net>", "byte 18: expected a comma", "|ann|example.org & |bob|example.net"},
		"a semicolon":                     {"ann@example.org; bob@example.net;", "byte 15: expected a comma", "|ann|example.org & |bob|example.net"},
		"a name without brackets":         {"Ann Smith ann@example.org", "byte 4: expected a dot or an @", "Ann Smith|ann|example.org"},
		"something behind":                {"Ann <ann@example.org> x", "byte 22: expected a comma", "Ann|ann|example.org"},
		"no domain":                       {"root", "byte 4: expected an @ or a <", "|root|"},
		"no domain, a comment":            {"root (Cron Daemon)", "byte 18: expected an @ or a <", "|root|"},
		"no domain, in brackets":          {"Charlie Root <root>", "byte 18: expected an @", "Charlie Root|root|"},
		"no domain, among others":         {"root, ann@example.org", "byte 4: expected an @ or a <", "|root| & |ann|example.org"},
		"no domain, behind":               {"Ann <ann@example.org>, root", "byte 27: expected an @ or a <", "Ann|ann|example.org & |root|"},
		"a group that does not end":       {"Team: ann@example.org, bob@example.net", "byte 38: expected a comma, or a semicolon", "Team:|ann|example.org & |bob|example.net"},
		"a group without a space":         {"Team:ann@example.org", "byte 20: expected a comma, or a semicolon", "|ann|example.org"},
		"mailto":                          {"Ann <mailto:ann@example.org>", "byte 11: expected an @", "Ann|ann|example.org"},
		"dots in a row":                   {"ann..s.@example.org", "byte 4: expected a word before the dot", "|ann..s.|example.org"},
		"a dot behind the domain":         {"ann@example.org.", "byte 16: expected a label", "|ann|example.org."},
		"two @":                           {"ann@example.net@example.org", "byte 15: expected a comma", "|ann@example.net|example.org"},
		"spaces in the address":           {"Ann <ann smith@example.org>", "byte 9: expected a dot or an @", "Ann|ann smith|example.org"},
		"NUL":                             {"A\x00nn <ann@example.org>", "byte 1: expected no NUL", "A nn|ann|example.org"},
		"a line that does not continue":   {"Ann\r\n<ann@example.org>", "byte 3: expected a space or a tab after a line break", "Ann|ann|example.org"},
		"a literal in a name of brackets": {"x@y <ann@[192.0.2.1]>", "byte 4: expected a comma", "x@y|ann|[192.0.2.1]"},
		"empty":                           {"", "byte 0: expected an address", ""},
		"the null address":                {"<>", "byte 1: expected a local part", ""},
		"a name alone":                    {"Ann Smith", "byte 9: expected an @ or a <", ""},
		"no recipients":                   {"undisclosed-recipients:", "byte 23: expected a comma, or a semicolon", ""},
		"no local part":                   {"@example.org", "byte 0: expected a local part", ""},
		"nothing behind the @":            {"ann@", "byte 4: expected a domain", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := message.ParseAddressList(c.value, message.Strict)
			var syntax *message.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.ErrorContains(t, err, c.problem)
			list, err := message.ParseAddressList(c.value, message.Tolerant)
			assert.Equal(t, c.want, listed(list))
			assert.Equal(t, c.want == "", err != nil)
		})
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value            string
		strict, tolerant string // empty if refused
	}{
		"one":                  {"Ann <ann@example.org>", "Ann|ann|example.org", "Ann|ann|example.org"},
		"two":                  {"ann@example.org, bob@example.net", "", ""},
		"a group":              {"Team: ann@example.org;", "", "|ann|example.org"},
		"an empty group":       {"Team:;", "", ""},
		"a name with an @":     {"a@b <ann@example.org>", "", "a@b|ann|example.org"},
		"an element too much":  {"ann@example.org,", "", "|ann|example.org"},
		"nothing":              {"", "", ""},
		"no address in it all": {"Ann Smith", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for mode, want := range map[message.Mode]string{message.Strict: c.strict, message.Tolerant: c.tolerant} {
				a, err := message.ParseAddress(c.value, mode)
				if want == "" {
					require.Error(t, err)
					assert.Zero(t, a)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, want, listed([]message.Address{a}))
			}
		})
	}
}

// A long field costs no more than its length. The time is that of the test: see costly.
func TestCostlyAddresses(t *testing.T) {
	t.Parallel()
	for _, field := range [][2]string{
		{"", "("},
		{"", "<"},
		{"", `"`},
		{"", "["},
		{"", "(<"},
		{"", `("`},
		{"", `<"`},
		{"", `"<`},
		{"", `<"<`},
		{"", `"\`},
		{"", `\"`},
		{"", "(()"},
		{"", "a@b,"},
		{"", "a@b "},
		{"", "a:"},
		{"", ":;"},
		{"", "a "},
		{"", "a."},
		{"", ","},
		{"", "<a@b>"},
		{"", "<a@b"},
		{"", "@"},
		{"", "@a,"},
		{"", "\r\n "},
		{"", "\xe4@"},
		{"", "ä@"},
		{"", "<@a:"},
		{"", "<("},
		{"", `a"b" `},
		{"", ")("},
		{"", "\x00"},
		{"", "[<"},
		{"<", "@a,"},
		{"<", "a "},
		{"<", "xn--a."},
		{"a:", "a@b,"},
		{"a@b <", "[<"},
		{"a@b <", `"(`},
		{`"`, `\"`},
		{"(", `\(`},
		{"a@[", `\a`},
		{"<a@", "ä."},
		{"a@", "ä"},
		{"", "ä"},
	} {
		t.Run(fmt.Sprintf("%q %q", field[0], field[1]), func(t *testing.T) {
			t.Parallel()
			value := field[0] + strings.Repeat(field[1], costly()/len(field[1]))
			for _, mode := range []message.Mode{message.Strict, message.Tolerant} {
				_, _ = message.ParseAddressList(value, mode)
				_, _ = message.ParsePath(value, mode)
			}
			for _, name := range []string{"Date", "References", "Bcc"} {
				_ = message.CheckField(name, value)
			}
			_, _ = message.Domain(value).ASCII(), message.Domain(value).Unicode()
		})
	}
}

// FuzzParseAddressList proves that a tolerant parse gives what a strict one gives, and
// that an address written out is read back.
func FuzzParseAddressList(f *testing.F) {
	for _, c := range conforming {
		f.Add(c.value)
	}
	for _, value := range []string{"a@b <c@d>", "Smith, Ann <a@b>", "\xe4 <a@b>", `"a <b@c>`, "root", "<a b@c>", "<a@[b c]>", "a;b@c,<d>", "a..b@c.", "\"\r\n x\" <a@b>"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		strict, problem := message.ParseAddressList(value, message.Strict)
		tolerant, err := message.ParseAddressList(value, message.Tolerant)
		if problem == nil {
			require.NoError(t, err)
			assert.Equal(t, strict, tolerant)
		}
		for _, a := range strict {
			again, err := message.ParseAddress(a.String(), message.Strict)
			require.NoError(t, err, "%q", a.String())
			assert.Equal(t, a, again)
		}
		for _, a := range tolerant {
			again, err := message.ParseAddressList(a.String(), message.Tolerant)
			require.NoError(t, err, "%q", a.String())
			assert.Equal(t, []message.Address{a}, again, "%q", a.String())
			assert.NotContains(t, a.String(), "\n")
			assert.Equal(t, a.Domain.ASCII(), message.Domain(a.Domain.ASCII()).ASCII())
			path, err := message.ParsePath(a.Path(), message.Tolerant)
			if err == nil { // a path has no control characters
				assert.Equal(t, a.Local, path.Local)
				assert.Equal(t, a.Domain, path.Domain)
			}
		}
		assert.Equal(t, problem == nil, message.CheckField("To", value) == nil)
	})
}
