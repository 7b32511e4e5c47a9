package authres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/authres"
)

// ours are values of fields that claim to be of mx.example.net, in many spellings.
func ours() []string {
	return []string{
		"mx.example.net; dkim=pass header.d=bank.example",
		" MX.Example.NET; dkim=pass",
		"mx.example.net;dkim=pass",
		"mx.example.net 1; dkim=pass",
		"mx.example.net/1; dkim=pass",
		"(really) mx.example.net (yes (indeed)) 1 (;) ; dkim=pass",
		"\n mx.example.net;\n\tdkim=pass",
		"\r\n\t(a\r\n\tb)\r\n\tmx.example.net\r\n\t;\r\n\tdkim=pass",
		`"mx.example.net"; dkim=pass`,
		`"mx.exam\ple.net" 1; dkim=pass`,
		"\"mx.exam\r\nple.net\"; dkim=pass",
		"mx.example.net.; dkim=pass",
		"mx.example.net..; dkim=pass",
		"mx.example.net",
		"mx.example.net; none",
		"(a\\)b) mx.example.net; dkim=pass",
		"mx.example.net/1(x)/ 1;dkim=pass",
		"\" mx.example.net \"; dkim=pass",
		"mx.example.net (x) / (y) 1; dkim=pass",
		"\uff4dx\u3002example\uff0enet; dkim=pass",
		// Malformed, and other programs might take them for fields of this host.
		"(never closed mx.example.net; dkim=pass",
		`"mx.example.net; dkim=pass`,
		"mx.example.net dkim=pass",
		"mx.example.net, dkim=pass",
		"; mx.example.net; dkim=pass",
		"i=1; mx.example.net; dkim=pass",
		"mx.example.net:25; dkim=pass",
		"<mx.example.net>; dkim=pass",
		"[mx.example.net]; dkim=pass",
		"root@mx.example.net; dkim=pass",
		"mx.exam\n ple.net; dkim=pass",
		"mx . example . net; dkim=pass",
		"mx.(a)example(b).net; dkim=pass",
		`"mx".example."net"; dkim=pass`,
		`"mx.example.net; dkim=pass"; spf=pass`,
		"=?utf-8?q?mx=2Eexample.net?=; dkim=pass",
		"=?utf-8?b?bXguZXhhbXBsZS5uZXQ=?=; dkim=pass",
		"=?utf-16le?b?bQB4AC4AZQB4AGEAbQBwAGwAZQAuAG4AZQB0AA==?=; dkim=pass",
		"=?utf-8?q?mx.exam?= (=?x-unknown?q?a?=) =?utf-8?q?ple.net?=; dkim=pass",
		"=?utf-8?q?mx.exam?=\n =?utf-8?q?ple.net?=; dkim=pass",
		"mx.example.net) ; dkim=pass",
		"evil.example/mx.example.net; dkim=pass",
		"evil.example mx.example.net; dkim=pass",
		// White space of Unicode, and characters that show nothing.
		"\u00a0mx.example.net; dkim=pass",
		"mx.example.net\u00a0; dkim=pass",
		"\u2003mx.example.net\u3000; dkim=pass",
		"\u0085mx.example.net; dkim=pass",
		"\ufeffmx.example.net; dkim=pass",
		"mx.exam\u200bple.net; dkim=pass",
		"mx.exam\u00adple.net; dkim=pass",
		"mx.exam\u034fple.net; dkim=pass",
		"mx.exam\ufe0fple.net; dkim=pass",
		"\v\fmx.example.net; dkim=pass",
		"mx.example.net\x00; dkim=pass",
		"\xa0mx.example.net; dkim=pass",
		"mx.exam\xadple.net; dkim=pass",
		"\"\u00a0mx.example.net\"; dkim=pass",
		"\u00a0\uff4dx\u3002example\uff61net; dkim=pass",
		"\u00a0mx.e\u017f.mx.example.net; dkim=pass",
		"spf=pass smtp.mailfrom=mx.example.net",
		"spf=pass smtp.mailfrom=a@mx.example.net.",
		"spf=pass smtp.mailfrom=a.mx.example.net", // a label of its own
		"spf=pass smtp.mailfrom=notmx.example.net smtp.helo=mx.example.net",
		"evil.example mx.exam\n ple.net; dkim=pass",
		"evil.example(x)mx.exam(y)ple.net; dkim=pass",
		"(notmx.example.net) ; mx.exam(x)ple.net; dkim=pass",
		"notmx.example.net mx.exam\n ple.net; dkim=pass",
	}
}

// foreign are values of fields that are not of mx.example.net.
func foreign() []string {
	return []string{
		"mx.example.com; dkim=pass",
		"a.mx.example.net; dkim=pass",
		"mx.example.net.evil.example; dkim=pass",
		"(mx.example.net) mx.example.com; dkim=pass",
		"mx.example.com; dkim=pass header.d=mx.example.net",
		"mx.example.network 1; none",
		"\"mx.example.com\" (mx.example.net) 1; spf=pass smtp.mailfrom=a@mx.example.net",
		"mx.b\u00fccher.example; spf=pass smtp.mailfrom=a@mx.example.net",
		"[192.0.2.1]; dkim=pass",
		"(unreadable",
		"",
		"\u00a0",
		"mx.example.com;\n mx.example.net; dkim=pass",
		// Malformed, and the name is a part of a longer label.
		"spf=pass smtp.mailfrom=notmx.example.net",
		"spf=pass smtp.mailfrom=a@mx.example.network",
		"spf=pass smtp.mailfrom=a@not-mx.example.net; dkim=none",
		"spf=pass smtp.mailfrom=\u00e4mx.example.net",
		"spf=pass (of notmx.example.net) smtp.mailfrom=notmx.example.net",
		"=?utf-8?q?spf=3Dpass_notmx.example.net?=",
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	for _, value := range ours() {
		assert.True(t, authres.Claims(value, "mx.example.net"), "%q", value)
		assert.True(t, authres.Claims(value, "", "other.example", "MX.Example.Net."), "%q", value)
		assert.False(t, authres.Claims(value, "", "other.example"), "%q", value)
	}
	for _, value := range foreign() {
		assert.False(t, authres.Claims(value, "mx.example.net"), "%q", value)
	}
}

// TestClaimsOfManyWords judges a field with more encoded words than are decoded. It is
// taken for a field of any host.
func TestClaimsOfManyWords(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("=?utf-8?q?a?= ", 1001)
	assert.True(t, authres.Claims(words+"=?utf-8?q?mx=2Eexample.net?=; dkim=pass", "mx.example.net"))
	assert.False(t, authres.Claims(words[14:]+"; dkim=pass", "mx.example.net"))
	assert.False(t, authres.Claims("mx.example.com; x=pass a.b="+words, "mx.example.net"), "the field is not malformed")
}

// TestClaimsOfOtherNames judges names that are internationalized, and names that are no
// names of hosts.
func TestClaimsOfOtherNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value, id string
		want      bool
	}{
		{"mx.bücher.example; none", "mx.bücher.example", true},
		{"MX.BÜCHER.example; none", "mx.bücher.example", true},
		{"mx.xn--bcher-kva.example; none", "mx.bücher.example", true},
		{"mx.bücher.example; none", "mx.xn--bcher-kva.example", true},
		{"mx.bu\u0308cher.example; none", "mx.xn--bcher-kva.example", true},
		{"\u00a0mx.bücher.example; none", "mx.xn--bcher-kva.example", true},
		{"\u00a0mx.xn--bcher-kva.example; none", "mx.bücher.example", true},
		{"=?iso-8859-1?q?mx.b=FCcher.example?=; none", "mx.bücher.example", true},
		{"mx.bucher.example; none", "mx.bücher.example", false},
		{"mx.bücher.example.; none", "mx.xn--bcher-kva.example", true},
		{"mx.bücher.example\u3002; none", "mx.bücher.example", true},
		{"mx..xn--bcher-kva.example; none", "mx.bücher.example", false}, // a label is missing
		{"mx..bücher.example; none", "mx.bücher.example", false},
		{`"my service"; none`, "my service", true},
		{`"my\ service"; none`, "My Service", true},
		{"my service; none", "my service", true},
		{`"my other service"; none`, "my service", false},
		{"[192.0.2.1]; none", "[192.0.2.1]", true},
		{"ma\u017fs.example; none", "mass.example", true}, // IDNA maps the long s
		{"\u0430.example; none", "a.example", false},      // a Cyrillic letter is another
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, authres.Claims(tt.value, tt.id), "%q of %q", tt.value, tt.id)
	}
}

func TestIsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Authentication-Results": true, "authentication-RESULTS": true, "Authentication-Results ": true, "Authentication-Results \t": true,
		"Authentication-Result": false, "Authentication-Resultss": false, " Authentication-Results": false, "Authentication- Results": false,
		"Authentication-Re\u017fults": false, "authentication-result\u017f": false, "ARC-Authentication-Results": false, "": false,
		"Authentication-Results\u00a0": false,
	} {
		assert.Equal(t, want, authres.IsName(name), "%q", name)
	}
}
