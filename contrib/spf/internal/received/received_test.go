package received_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/spf/internal/received"
)

func hop(addr, helo string, loggedIn bool) received.Hop {
	return received.Hop{Addr: netip.MustParseAddr(addr), Helo: helo, LoggedIn: loggedIn}
}

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000) // chosen by a client that does not want to be found
	tests := map[string]struct {
		value string
		want  received.Hop
	}{
		"Postfix": {
			"from mail.example.org (mx1.example.org [192.0.2.1])\n\tby relay.example.net (Postfix) with ESMTP id 4x\n\tfor <bob@example.net>; Mon, 2 Mar 2026 10:00:00 +0000 (UTC)",
			hop("192.0.2.1", "mail.example.org", false),
		},
		"Postfix, TLS and a login": {
			"from [10.0.0.5] (unknown [IPv6:2001:db8::5])\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\n\t(No client certificate requested)\n" +
				"\t(Authenticated sender: ann)\n\tby relay.example.net (Postfix) with ESMTPSA id 4x; Mon, 2 Mar 2026 10:00:00 +0000 (UTC)",
			hop("2001:db8::5", "[10.0.0.5]", true),
		},
		"Sendmail": {
			"from mail.example.org (mx1.example.org [192.0.2.1])\n\tby relay.example.net (8.17.1/8.17.1) with ESMTPS id 62\n\t(version=TLSv1.3 cipher=X bits=256 verify=NO); Mon, 2 Mar 2026 10:00:00 GMT",
			hop("192.0.2.1", "mail.example.org", false),
		},
		"Sendmail, no name": {
			"from mail.example.org ([192.0.2.1])\n\tby relay.example.net with SMTP id 62; Mon, 2 Mar 2026 10:00:00 GMT",
			hop("192.0.2.1", "mail.example.org", false),
		},
		"Sendmail, a doubtful name": {
			"from mail.example.org (x.example.com [192.0.2.1] (may be forged)) by relay.example.net with ESMTP id 62",
			hop("192.0.2.1", "mail.example.org", false),
		},
		"Sendmail, IPv6": {
			"from mail.example.org (mx1.example.org [IPv6:2001:db8:0:0:0:0:0:1])\n\tby relay.example.net with ESMTP id 62",
			hop("2001:db8::1", "mail.example.org", false),
		},
		"Exim": {
			"from mx1.example.org ([192.0.2.1] helo=mail.example.org)\n\tby relay.example.net with esmtps (TLS1.3) tls X\n\t(Exim 4.96)\n\t(envelope-from <ann@example.org>)\n\tid 1x;",
			hop("192.0.2.1", "mail.example.org", false),
		},
		"Exim, no name": {
			"from [192.0.2.1] (helo=mail.example.org) by relay.example.net with esmtpsa (Exim 4.96) id 1x;",
			hop("192.0.2.1", "mail.example.org", true),
		},
		"Exim, with ports": {
			"from mx1.example.org ([2001:db8::1]:5000 helo=[192.0.2.9]) by relay.example.net with esmtp (Exim 4.96)",
			hop("2001:db8::1", "[192.0.2.9]", false),
		},
		"Exim, the same name": {
			"from mail.example.org ([192.0.2.1]) by relay.example.net with utf8esmtpsa (Exim 4.96) id 1x;",
			hop("192.0.2.1", "mail.example.org", true),
		},
		"Exim, with a user": {
			"from [192.0.2.1] (helo=mail.example.org ident=ann) by relay.example.net with esmtp (Exim 4.96) id 1x;",
			hop("192.0.2.1", "mail.example.org", false),
		},
		"a long one": {
			"from " + long + " (b [192.0.2.1]) by c with ESMTP id x for <" + long + "@example.net>; now",
			hop("192.0.2.1", long, false),
		},
		"IPv4 in IPv6":        {"from a.example (b [::ffff:192.0.2.1]) by c", hop("192.0.2.1", "a.example", false)},
		"folded early":        {"from\n\ta.example\n\t(b [192.0.2.1])\n\tby c with\n\tESMTPA", hop("192.0.2.1", "a.example", true)},
		"a login in comments": {"from a (b [192.0.2.1]) (with ESMTPA) by c (with ESMTPA) with ESMTP id x", hop("192.0.2.1", "a", false)},
		"behind the comment":  {"from b ([192.0.2.1] helo=a) [198.51.100.1]) by c", hop("192.0.2.1", "a", false)},
		"an open comment":     {"from a (b [192.0.2.1]) by c ( with ESMTPA", hop("192.0.2.1", "a", false)},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := received.Parse(c.value)
			assert.True(t, ok)
			assert.Equal(t, c.want, got)
		})
	}
}

// Fields without a client, and those that a client or the owner of its address may have made
// look like others.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"nothing":                  "",
		"a word":                   "from",
		"no client":                "by relay.example.net (Postfix, from userid 1000) id 4x; Mon, 2 Mar 2026 10:00:00 +0000",
		"another word":             "fromage (b [192.0.2.1]) by c",
		"qmail":                    "from unknown (HELO mail.example.org) (192.0.2.1) by c with SMTP",
		"no comment":               "from [192.0.2.1] by c",
		"no address":               "from a (b) by c",
		"not an address":           "from a (b [192.0.2]) by c",
		"an address with a zone":   "from a (b [fe80::1%eth0]) by c",
		"two addresses":            "from a (b[198.51.100.1] [192.0.2.1]) by c",
		"an address in the HELO":   "from a([198.51.100.1]) (b [192.0.2.1]) by c",
		"an empty HELO":            "from  (b [192.0.2.1]) by c",
		"a quoted HELO":            `from "a (b [198.51.100.1]) by" (b [192.0.2.1]) by c`,
		"a quoted parenthesis":     `from a (b\) [198.51.100.1]) by c`,
		"an open comment":          "from a (b [192.0.2.1] by c",
		"a bracket that is closed": "from a (b] [192.0.2.1[) by c",
		"a name like Exim's":       "from [198.51.100.1] (helo=b [192.0.2.1]) by c",
		"a literal like Exim's":    "from a ([198.51.100.1]helo=b [192.0.2.1]) by c",
	} {
		_, ok := received.Parse(value)
		assert.False(t, ok, name)
	}
}

// FuzzParse lets a client choose HELO, and the owner of the address the name, in the field of
// a Postfix that does not mask either. The address is the right one, or there is none.
func FuzzParse(f *testing.F) {
	for _, seed := range [][2]string{
		{"mail.example.org", "mx1.example.org"},
		{"[198.51.100.1]", "unknown"},
		{"a (b [198.51.100.1])", "c"},
		{"a", "b [198.51.100.1] (c"},
		{"a", "[198.51.100.1] helo=x"},
		{"a helo=[198.51.100.1]", "helo="},
		{"\"a", "\\"},
		{"a\t(", ")"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, helo, name string) {
		h, ok := received.Parse("from " + helo + " (" + name + " [192.0.2.1]) by relay.example.net (Postfix) with ESMTP id 4x")
		if !ok || strings.ContainsAny(helo, " \t\r\n()") || strings.ContainsAny(name, " \t\r\n()") {
			return // a server masks these in HELO, and no name of an address has them
		}
		require.Equal(t, "192.0.2.1", h.Addr.String())
		require.Equal(t, helo, h.Helo)
		require.False(t, h.LoggedIn)
	})
}
