//go:build integration

package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// keysForImport returns a directory with the keys one.private and two.private,
// and a file records that publishes them.
func keysForImport(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var records strings.Builder
	for name, domains := range map[string][]string{"one": {"example.org"}, "two": {"example.com", "news.example.org"}} {
		path := filepath.Join(dir, name+".private")
		line := must(t, "keygen", "-domain", "example.test", "-selector", name, "-out", path)
		m := zoneLine.FindStringSubmatch(line)
		require.NotNil(t, m)
		for _, domain := range domains {
			records.WriteString(name + "._domainkey." + domain + " " + strings.NewReplacer(`" "`, "", `"`, "").Replace(m[2]) + "\n")
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "records"), []byte(records.String()), 0o600))
	return dir
}

// forTests are settings that OpenDKIM needs in a test.
const forTests = "\nAuthservID mx.example.net\nRequireSafeKeys no\nTestDNSData file:DIR/records\nSyslog no\n"

// debians returns Debian's own configuration, without what needs its user.
func debians(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/etc/opendkim.conf")
	require.NoError(t, err)
	var kept []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if !strings.HasPrefix(line, "UserID") && !strings.HasPrefix(line, "PidFile") && !strings.HasPrefix(line, "Syslog") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + forTests
}

func importRuns(t *testing.T) map[string]importRun {
	t.Helper()
	return map[string]importRun{
		"Debian's default with tables": {
			files: map[string]string{
				"opendkim.conf": debians(t) + "KeyTable file:DIR/KeyTable\nSigningTable file:DIR/SigningTable\nInternalHosts 127.0.0.1, 192.168.0.0/16, 10.0.0.0/8\n",
				"KeyTable":      "one example.org:one:DIR/one.private\ntwo example.com:two:DIR/two.private\nany %:any:DIR/two.private\n",
				"SigningTable":  "example.org one\n.example.org one\nboss@example.org any\nexample.com two\n",
			},
			notes: []string{"TrustAnchorFile has no counterpart"},
			mail: these(
				from("ann@example.org"), from("Ann <ANN@Example.ORG>"), from("ann@a.example.org"), from("ann@b.a.example.org"),
				from("boss@example.org"), from("ann@example.com"), from("ann@a.example.com"), from("eve@example.net"), from("eve@notexample.org"),
				from("ann@example.org, bob@example.org"), from("ann@example.org, boss@a.example.org"),
				from("ann@example.org").of("192.168.7.1"), from("ann@example.org").of("10.1.2.3"), from("ann@example.org").of("203.0.113.7"),
				from("ann@example.org").of("203.0.113.7").by("ann"), from("eve@example.net").of("203.0.113.7").by("ann@example.org"),
				from("ann@example.org").of("IPV6:2001:db8::1"), from("ann@example.org").of("IPV6:::1"),
				from("ann@example.org, eve@example.net").unlike("dkimd does not sign for an author without a key"),
			),
		},
		"refile with several domains": {
			files: map[string]string{
				"opendkim.conf": "Mode sv\nSocket inet:1@127.0.0.1\nCanonicalization relaxed/relaxed\nBaseDirectory DIR\n" +
					"KeyTable refile:KeyTable\nSigningTable refile:SigningTable\nInternalHosts refile:TrustedHosts\nExternalIgnoreList refile:TrustedHosts\n" +
					"SignatureTTL 604800\nOversignHeaders From,Subject\nSignHeaders *,+X-Extra,-List-ID\nMultipleSignatures yes\n" +
					"DontSignMailTo csl:plain@example.test\nMacroList daemon_name=OTHER|SUBMISSION,no_such_macro\nAlwaysAddARHeader yes\nInclude DIR/more.conf\n" + forTests,
				"more.conf":    "MTA other\nOn-DNSError accept\n",
				"KeyTable":     "one example.org:one:DIR/one.private\ntwo example.com:two:DIR/two.private\nnews news.example.org:two:DIR/two.private\nany %:any:DIR/one.private\n",
				"SigningTable": "*@news.example.org news\n*@example.org one\n*@*.example.org one\n*@example.com two\nlist@* two\nboss@*.net any\n",
				"TrustedHosts": "127.0.0.1\n172.17.*\n!172.17.9.*\n192.0.2.0/24\n!192.0.2.128/25\n192.0.2.130\n2001:db8::/32\n",
			},
			status: 3,
			notes:  []string{"MultipleSignatures differs"},
			mail: these(
				from("list@news.example.org").unlike("OpenDKIM signs with the first and the last of three keys"),
				from("ann@example.org"), from("ann@news.example.org"), from("ann@a.news.example.org"), from("ann@a.example.org"),
				from("ann@example.com"), from("list@example.org"), from("boss@example.net"), from("boss@a.b.net"), from("list@elsewhere.test"),
				from("ann@example.org").of("172.17.1.2"), from("ann@example.org").of("172.17.9.2"), from("ann@example.org").of("192.0.2.7"),
				from("ann@example.org").of("192.0.2.129"), from("ann@example.org").of("192.0.2.130"), from("ann@example.org").of("172.18.0.1"),
				from("ann@example.org").of("IPV6:2001:db8::7"), from("ann@example.org").of("172.18.0.1").by("ann@example.com"),
				from("ann@example.org").sentTo("plain@example.test"), from("eve@example.net").sentTo("plain@example.test"),
				from("ann@example.org, bob@example.org"), from("ann@example.org, ann@a.example.org"), from("ann@example.org, ann@example.com").unlike("different keys sign for the authors"),
				mail{text: "From: ann@example.org\nFrom: eve@example.net\nDate: Wed, 4 Mar 2026 05:06:07 +0000\n\nx\n"}.unlike("dkimd signs no message with two From fields"),
			),
		},
		"one key and subdomains": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain example.org,example.com,news.example.org\nSubDomains yes\nSelector one\nKeyFile DIR/one.private\nInternalHosts csl:127.0.0.1,192.0.2.*\n" + forTests,
			},
			notes: []string{`opendkim.conf:7: InternalHosts: "192.0.2.*" matches no client in OpenDKIM, and is left out`},
			mail: these(
				from("ann@example.org"), from("ann@a.example.org"), from("ann@news.example.org"), from("ann@a.news.example.org"), from("ann@example.com"),
				from("eve@example.net"), from("ann@example.org").of("192.0.2.7"), from("ann@example.org").of("192.0.2.7").by("x"), from("ann@xexample.org"),
			),
		},
		"hosts as texts": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain example.org\nSelector one\nKeyFile DIR/one.private\nInternalHosts file:DIR/hosts\nDontSignMailTo example.test,*@example.test,.test,Plain@example.test\n" + forTests,
				"hosts":         "172.16.0.0/255.240.0.0\n192.168.1.77/24\nlocalhost\n2001:DB8::1\n[192.0.2.5]\n[2001:db8:1::]/48\n2001:db8:2:0::/48\n192.0.2.64/26 text\n!192.0.2.70\n127.0.0.1\n::1\n",
			},
			notes: []string{`hosts:1: InternalHosts: "172.16.0.0/255.240.0.0" matches no client`, `DontSignMailTo: "example.test" is no address`},
			mail: these(
				from("ann@example.org"), from("ann@example.org").of("172.17.3.4"), from("ann@example.org").of("192.168.1.3"), from("ann@example.org").of("192.168.1.77"),
				from("ann@example.org").of("127.0.0.5"), from("ann@example.org").of("IPV6:::1"), from("ann@example.org").of("IPV6:2001:db8::1"), from("ann@example.org").of("192.0.2.5"),
				from("ann@example.org").of("IPV6:2001:db8:1::7"), from("ann@example.org").of("IPV6:2001:db8:2::7"), from("ann@example.org").of("192.0.2.69"), from("ann@example.org").of("192.0.2.70"),
				from("ann@example.org").sentTo("plain@example.test"), from("ann@example.org").sentTo("bob@example.test"),
				from("ann@example.org").sentTo("plain@example.test bob@example.test"), from("ann@example.org").sentTo("bob@example.test plain@example.test"),
			),
		},
		"hosts with wildcards": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain example.org\nSelector one\nKeyFile DIR/one.private\nInternalHosts refile:DIR/hosts\nDontSignMailTo refile:DIR/rcpts\n" + forTests,
				"hosts":         "192.168.*\n172.17.*\n[192.0.2.5]\n2001:DB8::/32\n",
				"rcpts":         "example.test\n*@.test\nbob@*\nal+x@example.test\n",
			},
			status: 3,
			notes:  []string{"hosts:1: InternalHosts differs, which changes the mail that is signed or refused: OpenDKIM compares \"192.168.*\" with the texts of networks too"},
			mail: these(
				from("ann@example.org").of("192.168.1.3"), from("ann@example.org").of("192.169.1.3").unlike("OpenDKIM finds 192.168.0.0/15"), from("ann@example.org").of("172.17.1.2"), from("ann@example.org").of("172.16.1.2"),
				from("ann@example.org").of("192.0.2.5"), from("ann@example.org").of("IPV6:2001:db8::1"),
				from("ann@example.org").of("172.17.1.2").sentTo("bob@example.test"), from("ann@example.org").of("172.17.1.2").sentTo("al+x@example.test"), from("ann@example.org").of("172.17.1.2").sentTo("al@example.test"),
			),
		},
		"a table without wildcards": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nKeyTable file:DIR/KeyTable\nSigningTable file:DIR/SigningTable\n" + forTests,
				"KeyTable":      "one example.org:one:DIR/one.private\ntwo example.org:two:DIR/two.private\n",
				"SigningTable":  "ann@.example.org one\n.b.example.org two\nann@.org two\n.org one\nexample.org two\nEXAMPLE.org one\n",
			},
			mail: these(from("ann@a.b.example.org"), from("x@a.b.example.org"), from("ann@b.example.org"), from("ann@example.org"), from("x@example.org")),
		},
		"several keys": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nKeyTable file:DIR/KeyTable\nSigningTable file:DIR/SigningTable\nMultipleSignatures yes\n" + forTests,
				"KeyTable":      "one example.org:one:DIR/one.private\ntwo example.org:two:DIR/two.private\nthree example.org:three:DIR/two.private\n",
				"SigningTable":  "ann@example.org two\nexample.org one\nEXAMPLE.org three\n* three\n",
			},
			status: 3,
			notes:  []string{"opendkim.conf:5: MultipleSignatures differs"},
			mail: these(
				from("ann@example.org").unlike("OpenDKIM signs with the first and the last of three keys"), from("bob@example.org"), from("bob@a.example.org"),
			),
		},
		"a key named after the domain": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nKeyTable file:DIR/KeyTable\nSigningTable refile:DIR/SigningTable\n" + forTests,
				"KeyTable":      "one example.org:one:DIR/one.private\na.example.org a.example.org:two:DIR/two.private\n",
				"SigningTable":  "*@*.example.org %\n*@*.b.example.org one\n*@example.org one\n",
			},
			status: 3,
			notes:  []string{"SigningTable:1: SigningTable differs"},
			mail: these(
				from("ann@a.example.org"), from("ann@example.org"), from("bob@example.org"),
				from("ann@b.example.org").unlike("OpenDKIM defers it"), from("ann@c.b.example.org").unlike("OpenDKIM defers it"),
			),
		},
		"odd names and relative paths": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nBaseDirectory DIR\nKeyTable file:KeyTable\nSigningTable file:./SigningTable\nSignHeaders *,+X-Foo,-To,Sender,-X-Foo,+Cc,-Cc\nOmitHeaders *,+Subject,Date\n" + forTests,
				"KeyTable":      "one example.org:one:./one.private\n",
				"SigningTable":  "example.org one\n",
			},
			notes: []string{`opendkim.conf:6: SignHeaders: OpenDKIM ignores "Sender"`, `opendkim.conf:7: OmitHeaders: OpenDKIM ignores "Date"`, "opendkim.conf:4: KeyTable: paths in it are relative"},
			mail: these(
				mail{text: "From: ann@example.org\nSender: x@example.org\nTo: b@c.example\nCc: d@c.example\nX-Foo: 1\nDate: Wed, 4 Mar 2026 05:06:07 +0000\nSubject: s\n\nx\n"},
			),
		},
		"patterns of fields": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain example.org\nSelector one\nKeyFile DIR/one.private\nSignHeaders From,To,X*\nOversignHeaders *,-To,To,X-Foo\n" + forTests,
			},
			status: 3,
			notes:  []string{`opendkim.conf:6: SignHeaders differs, which changes the mail that is signed or refused: dkimd has no patterns for the names of fields; "X*" is left out`, `opendkim.conf:7: OversignHeaders: "-To" is the name of no field`, `opendkim.conf:7: OversignHeaders differs`},
			mail: these(
				mail{text: "From: ann@example.org\nTo: b@c.example\nX-Foo: 1\n\nx\n"}.unlike("OpenDKIM signs X-Foo as one of X*"),
			),
		},
		"mail without From in h=": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain example.org\nSelector one\nKeyFile DIR/one.private\nOmitHeaders From\n" + forTests,
			},
			status: 3,
			notes:  []string{`opendkim.conf:6: OmitHeaders differs`},
			mail:   these(from("ann@example.org").unlike("OpenDKIM signs no mail without From")),
		},
		"names that match no author": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain EXAMPLE.org,example.org,*.example.com,.example.net\nSubDomains yes\nSelector one\nKeyFile DIR/one.private\n" + forTests,
			},
			notes: []string{`Domain: "*.example.com" matches no author`, `Domain: ".example.net" matches no author`},
			mail: these(
				from("ann@example.org"), from("ann@b.a.example.org"), from("ann@a.example.com"), from("ann@example.com"), from("ann@a.example.net"), from("ann@example.net"),
			),
		},
		"patterns of domains": {
			files: map[string]string{
				"opendkim.conf": "Mode s\nSocket inet:1@127.0.0.1\nDomain refile:DIR/domains\nSelector one\nKeyFile DIR/one.private\n" + forTests,
				"domains":       "*.example.com\nexample.org\n.example.net\n",
			},
			notes: []string{`domains:3: Domain: ".example.net" matches no author`},
			mail: these(
				from("ann@example.org"), from("ann@a.example.org"), from("ann@a.example.com"), from("ann@example.com"), from("ann@a.example.net"),
			),
		},
		"verify only": {
			files: map[string]string{
				"opendkim.conf": "Mode v\nSocket inet:1@127.0.0.1\nAlwaysAddARHeader yes\nMaximumSignaturesToVerify 5\nRemoveARFrom old.example.net\nMinimumKeyBits 1024\nOn-KeyNotFound accept\n" + forTests,
			},
			mail: verifiedMail(),
		},
		"verify and refuse": {
			files: map[string]string{
				"opendkim.conf": "Mode v\nSocket inet:1@127.0.0.1\nOn-BadSignature r\nOn-NoSignature Reject\nOn-KeyNotFound reject\nRemoveARFrom a.example\n" + forTests,
			},
			status: 3,
			notes: []string{
				"opendkim.conf:3: On-BadSignature differs, which changes the mail that is signed or refused: dkimd judges the signatures of the author's domain",
				"opendkim.conf:4: On-NoSignature differs, which changes the mail that is signed or refused: dkimd asks for a signature of the author's domain",
			},
			mail: verifiedMail("of a third party", "dkimd asks for a signature of the author's domain"),
		},
		"verify and refuse, but not unsigned mail": {
			files: map[string]string{
				"opendkim.conf": "Mode v\nSocket inet:1@127.0.0.1\nAlwaysAddARHeader yes\nOn-Default reject\nRemoveARFrom a.example\n" + forTests,
			},
			status: 3,
			notes:  []string{"On-Default: OpenDKIM does not apply it to unsigned mail with AlwaysAddARHeader"},
			mail:   verifiedMail(),
		},
	}
}

// these returns mail that needs no keys.
func these(all ...mail) func(*testing.T, string) []mail {
	return func(*testing.T, string) []mail { return all }
}

// verifiedMail returns mail with and without signatures by the keys of a
// directory. The pairs are names of cases that differ, and why; an empty reason
// means that they do not.
func verifiedMail(pairs ...string) func(*testing.T, string) []mail {
	return func(t *testing.T, dir string) []mail {
		t.Helper()
		differs := map[string]string{
			"a forged result":    "dkimd always removes results with its name",
			"no key":             "OpenDKIM writes no result and accepts the mail, at least with TestDNSData",
			"a signature of v=2": "OpenDKIM calls it permerror",
		}
		for pair := range slices.Chunk(pairs, 2) {
			differs[pair[0]] = pair[1]
		}
		var all []mail
		texts := verifiedTexts(t, dir)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			m := mail{text: "X-Case: " + name + "\n" + texts[name]}.unlike(differs[name])
			all = append(all, m, m.of("203.0.113.7"))
		}
		return all
	}
}

// verifiedTexts returns messages by name.
func verifiedTexts(t *testing.T, dir string) map[string]string {
	t.Helper()
	signed := func(domain, selector, key, text string, flags ...string) string {
		args := append([]string{"sign", "-domain", domain, "-selector", selector, "-key", filepath.Join(dir, key+".private")}, flags...)
		return must(t, append(args, write(t, "letter", text))...)
	}
	letter := from("ann@example.org").text
	one := signed("example.org", "one", "one", letter)
	both := signed("example.com", "two", "two", one)
	return map[string]string{
		"unsigned":            letter,
		"valid":               one,
		"valid, simple":       signed("example.org", "one", "one", letter, "-canonicalization", "simple/simple"),
		"another body":        strings.Replace(one, "\n\nx\n", "\n\ny\n", 1),
		"another From":        strings.Replace(one, "From: ann", "From: eve", 1),
		"two, both valid":     both,
		"two, neither valid":  strings.Replace(both, "\n\nx\n", "\n\ny\n", 1),
		"no key":              signed("example.org", "none", "one", letter),
		"another's key":       signed("example.org", "one", "two", letter),
		"of a third party":    signed("example.com", "two", "two", letter),
		"an identity":         signed("example.org", "one", "one", letter, "-identity", "ann@a.example.org"),
		"a forged result":     "Authentication-Results: mx.example.net; dkim=pass header.d=forged.test\n" + one,
		"another host's":      "Authentication-Results: mx.other.test; dkim=pass header.d=other.test\n" + one,
		"a signature, cut":    strings.Replace(one, " bh=", " xx=", 1),
		"a signature of v=2":  strings.Replace(one, "v=1", "v=2", 1),
		"signed for a moment": signed("example.org", "one", "one", letter, "-lifetime", "1h"),
	}
}
