package authres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

type (
	results    = []authres.Result
	properties = []authres.Property
)

// pass returns a result with the value pass.
func pass(method string, props ...authres.Property) authres.Result {
	return authres.Result{Method: method, Value: "pass", Properties: props}
}

// property returns a property, such as header.d=example.org.
func property(ptype, name, value string) authres.Property {
	return authres.Property{Type: ptype, Name: name, Value: value}
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		value string
		want  authres.Field
	}{
		"no results":           {"example.org; none", authres.Field{ID: "example.org"}},
		"version":              {"example.org 1; none", authres.Field{ID: "example.org", Version: "1"}},
		"nothing behind":       {"example.org", authres.Field{ID: "example.org"}},
		"no spaces":            {"example.org;none", authres.Field{ID: "example.org"}},
		"capitals":             {"Example.ORG; NONE", authres.Field{ID: "Example.ORG"}},
		"quoted id":            {`"a \"b\"" 1; none`, authres.Field{ID: `a "b"`, Version: "1"}},
		"id beyond ASCII":      {"mx.bücher.example; none", authres.Field{ID: "mx.bücher.example"}},
		"one result":           {"example.com; spf=pass smtp.mailfrom=example.net", authres.Field{ID: "example.com", Results: results{pass("spf", property("smtp", "mailfrom", "example.net"))}}},
		"keywords in any case": {"example.com; SPF=Pass SMTP.MailFrom=Ann@Example.NET", authres.Field{ID: "example.com", Results: results{pass("spf", property("smtp", "mailfrom", "Ann@Example.NET"))}}},
		"several results": {
			"example.com;\r\n\tauth=pass (cram-md5) smtp.auth=sender@example.net;\r\n\tspf=pass smtp.mailfrom=example.net",
			authres.Field{ID: "example.com", Results: results{pass("auth", property("smtp", "auth", "sender@example.net")), pass("spf", property("smtp", "mailfrom", "example.net"))}},
		},
		"several properties and a reason": {
			`example.com; dkim=fail reason="bad signature" header.i=@example.net header.b="abc=" policy.dkim-rules=strict`,
			authres.Field{ID: "example.com", Results: results{{Method: "dkim", Value: "fail", Reason: "bad signature", Properties: properties{
				property("header", "i", "@example.net"), property("header", "b", "abc="), property("policy", "dkim-rules", "strict"),
			}}}},
		},
		"the reason as a word": {"example.com; dkim=fail reason=bad header.d=example.net", authres.Field{ID: "example.com", Results: results{{Method: "dkim", Value: "fail", Reason: "bad", Properties: properties{property("header", "d", "example.net")}}}}},
		"comments everywhere": {
			"(a) example.com (b (c)) (d) 1 (e) ; (f) dkim (g) / (h) 1 (i) = (j) pass (k) reason (l) = (m) good (n) header (o) . (p) d (q) = (r) example.net (s)",
			authres.Field{ID: "example.com", Version: "1", Results: results{{Method: "dkim", Version: "1", Value: "pass", Reason: "good", Properties: properties{property("header", "d", "example.net")}}}},
		},
		"a semicolon in a comment and in quotes": {`example.com (a;b); dkim=pass (c;d) header.b="e;f"`, authres.Field{ID: "example.com", Results: results{pass("dkim", property("header", "b", "e;f"))}}},
		"quoted local part":                      {`example.com; spf=pass smtp.mailfrom="a b"@example.net`, authres.Field{ID: "example.com", Results: results{pass("spf", property("smtp", "mailfrom", `"a b"@example.net`))}}},
		"values without quotes": {
			"example.com; spf=pass smtp.remote-ip=2001:db8::1 smtp.mailfrom=<a@b.example>; dkim=pass header.b=a/b+c= header.d=b.example",
			authres.Field{ID: "example.com", Results: results{
				pass("spf", property("smtp", "remote-ip", "2001:db8::1"), property("smtp", "mailfrom", "<a@b.example>")),
				pass("dkim", property("header", "b", "a/b+c="), property("header", "d", "b.example")),
			}},
		},
		"ARC": {
			"example.com; arc=pass (as.1.b.example=pass, ams.1.b.example=pass) arc.chain=b.example:c.example header.oldest-pass=0",
			authres.Field{ID: "example.com", Results: results{pass("arc", property("arc", "chain", "b.example:c.example"), property("header", "oldest-pass", "0"))}},
		},
		"dots in a name":         {"example.com; x=pass policy.a.b=1 arc.chain.c=2", authres.Field{ID: "example.com", Results: results{pass("x", property("policy", "a.b", "1"), property("arc", "chain.c", "2"))}}},
		"unknown method":         {"example.com; x-new-thing=pass x-a.x-b=c", authres.Field{ID: "example.com", Results: results{pass("x-new-thing", property("x-a", "x-b", "c"))}}},
		"no type":                {"example.com; dmarc=pass action=none header.from=a.example; compauth=pass reason=100", authres.Field{ID: "example.com", Results: results{pass("dmarc", property("", "action", "none"), property("header", "from", "a.example")), {Method: "compauth", Value: "pass", Reason: "100"}}}},
		"empty results":          {"example.com;; spf=pass ; ;dkim=pass;", authres.Field{ID: "example.com", Results: results{pass("spf"), pass("dkim")}}},
		"the method none":        {"example.com; none=pass", authres.Field{ID: "example.com", Results: results{pass("none")}}},
		"a comment directly":     {"example.com;dkim=pass(good)header.d=a.example(b)", authres.Field{ID: "example.com", Results: results{pass("dkim", property("header", "d", "a.example"))}}},
		"a folded quoted string": {"example.com; dkim=fail reason=\"bad\r\n signature\"", authres.Field{ID: "example.com", Results: results{{Method: "dkim", Value: "fail", Reason: "bad signature"}}}},
		"an encoded word":        {"example.com; x=pass policy.a==?utf-8?q?b?=", authres.Field{ID: "example.com", Results: results{pass("x", property("policy", "a", "=?utf-8?q?b?="))}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := authres.Parse(tt.value)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// TestParseMalformed reads what can be read of fields that break the grammar.
func TestParseMalformed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		value, says string
		want        authres.Field
	}{
		"nothing":                  {"", "no authserv-id", authres.Field{}},
		"blanks":                   {" \r\n\t", "no authserv-id", authres.Field{}},
		"a comment only":           {"(x)", "no authserv-id", authres.Field{}},
		"no id":                    {"spf=pass smtp.mailfrom=a.example; dkim=pass", "no authserv-id", authres.Field{Results: results{pass("spf", property("smtp", "mailfrom", "a.example")), pass("dkim")}}},
		"no id, with spaces":       {"spf = pass", "no authserv-id", authres.Field{Results: results{pass("spf")}}},
		"an empty id":              {"; dkim=pass", "no authserv-id", authres.Field{Results: results{pass("dkim")}}},
		"an odd id":                {"[192.0.2.1]; dkim=pass", "not a word", authres.Field{ID: "[192.0.2.1]", Results: results{pass("dkim")}}},
		"text behind the id":       {`example.com spf=pass "a;b"; dkim=pass`, "text follows", authres.Field{ID: "example.com", Results: results{pass("dkim")}}},
		"an id that goes on":       {`"example".com; dkim=pass`, "text follows", authres.Field{ID: "example", Results: results{pass("dkim")}}},
		"an endless id":            {`"example.com; dkim=pass`, "not a word", authres.Field{ID: "example.com; dkim=pass"}},
		"an endless comment":       {"example.com; dkim=pass (x", "a comment does not end", authres.Field{ID: "example.com", Results: results{pass("dkim")}}},
		"an endless value":         {`example.com; dkim=pass header.d="x`, "a quoted string does not end", authres.Field{ID: "example.com", Results: results{pass("dkim", property("header", "d", "x"))}}},
		"no result":                {"example.com; dkim; spf=pass", "no value", authres.Field{ID: "example.com", Results: results{{Method: "dkim"}, pass("spf")}}},
		"an empty result":          {"example.com; dkim= ; spf=pass", "no value", authres.Field{ID: "example.com", Results: results{{Method: "dkim"}, pass("spf")}}},
		"no method":                {"example.com; =pass; spf=pass", "no method", authres.Field{ID: "example.com", Results: results{pass("spf")}}},
		"a property without value": {"example.com; dkim=pass header.d header.i=a; spf=pass", "no value", authres.Field{ID: "example.com", Results: results{pass("dkim", property("header", "i", "a")), pass("spf")}}},
		"an empty property":        {"example.com; dkim=pass header.d=; spf=pass", "no value", authres.Field{ID: "example.com", Results: results{pass("dkim", property("header", "d", "")), pass("spf")}}},
		"a property without name":  {"example.com; dkim=pass header.=x", "no name", authres.Field{ID: "example.com", Results: results{pass("dkim")}}},
		"odd bytes":                {`example.com; dkim=pass "x" = .  ..=y ) /; spf=pass`, "no value", authres.Field{ID: "example.com", Results: results{pass("dkim", property("", ".", "y")), pass("spf")}}},
		"a version in words":       {"example.com; dkim/x=pass", "not a number", authres.Field{ID: "example.com", Results: results{{Method: "dkim", Properties: properties{property("", "x", "pass")}}}}},
		"none beside results":      {"example.com; spf=pass; none", "none stands beside", authres.Field{ID: "example.com", Results: results{pass("spf")}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := authres.Parse(tt.value)
			require.ErrorIs(t, err, authres.ErrMalformed)
			assert.ErrorContains(t, err, tt.says)
			assert.Equal(t, tt.want, got)
		})
	}
}

// TestParseIsBounded reads long hostile fields in linear time, and returns a bounded number
// of parts. Time that grows with the square of the length would exceed the time of the
// test. No time is compared.
func TestParseIsBounded(t *testing.T) {
	t.Parallel()
	n := 1 << 18
	if testproc.RaceEnabled {
		n = 1 << 16 // each step takes longer
	}
	for name, unit := range map[string]string{
		"results": "a=b;", "properties": "a.b=c ", "words": "a ", "semicolons": ";", "comments": "(a)", "open comments": "(",
		"quotes": `"`, "pairs": `\`, "dots": ".", "equals": "=", "slashes": "/", "encoded words": "=?utf-8?q?", "stops": "\u3002", "letters": "ü",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, before := range []string{"", "x; ", "x; a=b ", "x; a=b c=", "x; a=b header.d=", "x y "} {
				value := before + strings.Repeat(unit, n)
				f, err := authres.Parse(value)
				if err == nil {
					_, err = authres.Format(f)
				}
				_ = err
				parts := len(f.Results)
				for _, r := range f.Results {
					parts += len(r.Properties)
				}
				assert.LessOrEqual(t, parts, 1000)
				authres.Claims(value, "mx.example.net", "mx.bücher.example")
				authres.Claims(value+"?=", "mx.example.net", "mx.bücher.example")
			}
		})
	}
}

func TestResultProperty(t *testing.T) {
	t.Parallel()
	r := pass("dkim", property("Header", "D", "a"), property("header", "d", "b"))
	value, ok := r.Property("HEADER", "d")
	assert.True(t, ok)
	assert.Equal(t, "a", value)
	_, ok = r.Property("header", "s")
	assert.False(t, ok)
}
