package dmarc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
)

// tags returns a record as text: all tags that differ from those of "v=DMARC1; p=none".
func tags(r *dmarc.Record) string {
	list := []string{"p=" + string(r.Policy)}
	add := func(name, value, otherwise string) {
		if value != otherwise {
			list = append(list, name+"="+value)
		}
	}
	add("sp", string(r.SubdomainPolicy), "")
	add("np", string(r.NonexistentPolicy), "")
	add("psd", string(r.PSD), "u")
	add("t", fmt.Sprint(r.Testing), "false")
	add("adkim", string(r.DKIM), "r")
	add("aspf", string(r.SPF), "r")
	add("fo", strings.Join(r.FailureOptions, ":"), "0")
	add("rua", strings.Join(r.Aggregate, ","), "")
	add("ruf", strings.Join(r.Failure, ","), "")
	add("usable", fmt.Sprint(r.Usable), "true")
	return strings.Join(list, " ")
}

// none stands for a text that is not a record.
const none = "not a record"

func TestParseRecord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ section, name, text, want string }{
		{"4.7 v", "the shortest", "v=DMARC1; p=none", "p=none"},
		{"4.7 v", "case of the value", "v=dmarc1; p=none", none},
		{"4.7 v", "not the first", "p=none; v=DMARC1", none},
		{"4.7 v", "absent", "p=reject", none},
		{"4.7 v", "empty", "", none},
		{"4.7 v", "other value", "v=DMARC2; p=reject", none},
		{"4.7 v", "a longer value", "v=DMARC10; p=reject", none},
		{"4.7 v", "no semicolon behind it", "v=DMARC1 p=reject", none},
		{"4.7 v", "SPF", "v=spf1 -all", none},
		{"4.8 dmarc-version", "name in upper case", "V=DMARC1; p=reject", "p=reject"},
		{"4.8 equals", "blanks around =", "v\t= DMARC1 ; p = reject", "p=reject"},
		{"4.8 dmarc-sep", "no blanks", "v=DMARC1;p=reject;sp=none", "p=reject sp=none"},
		{"4.8 dmarc-sep", "at the end", "v=DMARC1; p=reject ; ", "p=reject"},
		{"4.8 dmarc-sep", "several", "v=DMARC1;; ;p=reject;;", "p=reject"},
		{"4.8 dmarc-sep", "blanks before all", "  v=DMARC1; p=reject", "p=reject"},
		{"4.8 dmarc-sep", "a quote before all", `"v=DMARC1; p=reject"`, none},
		{"4.8 dmarc-sep", "a line end at the end", "v=DMARC1; p=reject\r\n", "p=reject"},

		{"4.7 p", "quarantine", "v=DMARC1; p=quarantine", "p=quarantine"},
		{"4.8 dmarc-request", "upper case", "v=DMARC1; p=REJECT", "p=reject"},
		{"4.8 dmarc-tag", "name in upper case", "v=DMARC1; P=reject", "p=reject"},
		{"4.7 p", "in any place", "v=DMARC1; rua=mailto:a@example.org; t=n; p=reject", "p=reject rua=mailto:a@example.org"},
		{"4.10.1", "p missing, no rua", "v=DMARC1", "p=none usable=false"},
		{"4.10.1", "p missing, rua", "v=DMARC1; rua=mailto:a@example.org", "p=none rua=mailto:a@example.org"},
		{"4.10.1", "p missing, rua not valid", "v=DMARC1; rua=a@example.org", "p=none usable=false"},
		{"4.10.1", "p empty", "v=DMARC1; p=", "p=none usable=false"},
		{"4.10.1", "p unknown, no rua", "v=DMARC1; p=rejct", "p=none usable=false"},
		{"4.10.1", "p unknown, rua", "v=DMARC1; p=rejct; rua=mailto:a@example.org", "p=none rua=mailto:a@example.org"},
		{"4.10.1", "p unknown, the second rua valid", "v=DMARC1; p=x; rua=a@b, mailto:a@b", "p=none rua=mailto:a@b"},
		{"4.10.1", "sp unknown, no rua", "v=DMARC1; p=reject; sp=x", "p=none usable=false"},
		{"4.10.1", "sp unknown, rua", "v=DMARC1; p=reject; sp=x; np=reject; rua=mailto:a@b", "p=none rua=mailto:a@b"},
		{"4.10.1", "np unknown, no rua", "v=DMARC1; p=reject; np=x", "p=none usable=false"},
		{"4.10.1", "np unknown, rua", "v=DMARC1; p=reject; np=x; rua=mailto:a@b", "p=none rua=mailto:a@b"},
		{"4.10.1", "the other tags stay", "v=DMARC1; p=x; psd=n; adkim=s; rua=mailto:a@b", "p=none psd=n adkim=s rua=mailto:a@b"},
		{"4.10.1", "ruf is not rua", "v=DMARC1; p=x; ruf=mailto:a@b", "p=none ruf=mailto:a@b usable=false"},

		{"4.7 sp", "sp and np", "v=DMARC1; p=none; sp=quarantine; np=reject", "p=none sp=quarantine np=reject"},
		{"4.8 dmarc-request", "sp in upper case", "v=DMARC1; p=none; sp=Reject; np=QUARANTINE", "p=none sp=reject np=quarantine"},
		{"4.7 psd", "y", "v=DMARC1; p=none; psd=y", "p=none psd=y"},
		{"4.7 psd", "n", "v=DMARC1; p=none; psd=N", "p=none psd=n"},
		{"4.7 psd", "u", "v=DMARC1; p=none; psd=u", "p=none"},
		{"4.8", "psd unknown: default", "v=DMARC1; p=none; psd=yes", "p=none"},
		{"4.7 t", "y", "v=DMARC1; p=reject; t=y", "p=reject t=true"},
		{"4.7 t", "n", "v=DMARC1; p=reject; t=n", "p=reject"},
		{"4.8", "t unknown: default", "v=DMARC1; p=reject; t=1", "p=reject"},
		{"4.7 adkim", "s", "v=DMARC1; p=none; adkim=s", "p=none adkim=s"},
		{"4.7 aspf", "s in upper case", "v=DMARC1; p=none; aspf=S", "p=none aspf=s"},
		{"4.8", "adkim and aspf unknown: default", "v=DMARC1; p=none; adkim=strict; aspf=", "p=none"},

		{"4.7 fo", "without ruf", "v=DMARC1; p=none; fo=1", "p=none"},
		{"4.7 fo", "with ruf", "v=DMARC1; p=none; fo=1:d:s; ruf=mailto:a@b", "p=none fo=1:d:s ruf=mailto:a@b"},
		{"4.7 fo", "with a ruf that is not valid", "v=DMARC1; p=none; fo=1; ruf=a@b", "p=none"},
		{"4.7 fo", "any order", "v=DMARC1; p=none; ruf=mailto:a@b; fo=S : D", "p=none fo=s:d ruf=mailto:a@b"},
		{"4.7 fo", "0 and 1 exclude each other", "v=DMARC1; p=none; ruf=mailto:a@b; fo=0:1", "p=none ruf=mailto:a@b"},
		{"4.8 dmarc-afrf", "d twice", "v=DMARC1; p=none; ruf=mailto:a@b; fo=d:d", "p=none ruf=mailto:a@b"},
		{"4.8", "fo unknown: default", "v=DMARC1; p=none; ruf=mailto:a@b; fo=x", "p=none ruf=mailto:a@b"},

		{"4.6", "a list", "v=DMARC1; p=none; rua=mailto:a@b , https://c.example/d?e=f", "p=none rua=mailto:a@b,https://c.example/d?e=f"},
		{"4.6", "a long list", "v=DMARC1; p=none; rua=mailto:a@b" + strings.Repeat(",mailto:a@b", 3000), "p=none rua=mailto:a@b" + strings.Repeat(",mailto:a@b", 19)},
		{"4.8 obs-dmarc-uri", "a limit of size", "v=DMARC1; p=none; rua=mailto:a@b!10m,mailto:c@d!5", "p=none rua=mailto:a@b,mailto:c@d"},
		{"4.8 dmarc-uri", "! not encoded", "v=DMARC1; p=none; rua=mailto:a!b@c", "p=none"},
		{"4.8 dmarc-uri", "! encoded", "v=DMARC1; p=none; rua=mailto:a%21b@c", "p=none rua=mailto:a%21b@c"},
		{"4.8 dmarc-uri", "a percent sign alone", "v=DMARC1; p=none; rua=mailto:a%2@c", "p=none"},
		{"4.8 dmarc-uri", "a percent sign near the end", "v=DMARC1; p=none; rua=mailto:a%2,mailto:a%,mailto:a%20", "p=none rua=mailto:a%20"},
		{"4.8 dmarc-uri", "a space", "v=DMARC1; p=none; rua=mailto:a b@c", "p=none"},
		{"4.8 dmarc-uri", "no scheme", "v=DMARC1; p=none; rua=:a@c,1a:b@c", "p=none"},
		{"4.8 dmarc-uri", "the address of a host", "v=DMARC1; p=none; rua=https://[2001:db8::1]/r", "p=none rua=https://[2001:db8::1]/r"},
		{"4.8 dmarc-uri", "brackets elsewhere", "v=DMARC1; p=none; rua=mailto:a@[192.0.2.1]", "p=none"},
		{"4.8 dmarc-uri", "two fragments", "v=DMARC1; p=none; rua=https://a#b#c", "p=none"},

		{"4.7", "unknown tags", "v=DMARC1; p=reject; x=y; policy=none; 1=2", "p=reject"},
		{"4.7", "tags that are gone", "v=DMARC1; p=reject; pct=0; rf=afrf; ri=60", "p=reject"},
		{"4.8", "no tag", "v=DMARC1; reject; p=reject", "p=reject"},
		{"4.8", "a name of other letters", "v=DMARC1; ſp=none; p=reject", "p=reject"},
		{"4.8", "the first of two", "v=DMARC1; p=reject; p=none", "p=reject"},
		{"4.8", "not UTF-8", "v=DMARC1; p=reject; n=\xff\x00", "p=reject"},
	} {
		r, err := dmarc.ParseRecord(c.text)
		if c.want == none {
			require.ErrorIs(t, err, dmarc.ErrRecord, "%s: %s", c.section, c.name)
			assert.Nil(t, r)
			continue
		}
		require.NoError(t, err, "%s: %s", c.section, c.name)
		assert.Equal(t, c.want, tags(r), "%s: %s", c.section, c.name)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"v=DMARC1; p=reject; x=y": nil,
		"v=DMARC1": {
			"The tag p is missing: write p=none, p=quarantine or p=reject.",
		},
		"v=DMARC1; p=rejct; sp=": {
			`The tag p has the value "rejct": it must be none, quarantine or reject.`,
			`The tag sp has the value "": it must be none, quarantine or reject.`,
		},
		"v=DMARC1; reject; p=none; pct=100; rua=a@example.org; p=reject; t=yes": {
			`"reject" is no tag: it has no =.`,
			"The tag pct has no meaning any more (RFC 9989) and is ignored.",
			"The tag p occurs more than once: the first one counts.",
			`The tag t has the value "yes": it must be n or y. The default n applies.`,
			`The tag rua has the address "a@example.org", which is no URI: write mailto: before an address.`,
		},
		"v=DMARC1; p=none; ruf=mailto:a@b; fo=2": {
			`The tag fo has the value "2": it must be 0 or 1, with d or s behind a colon. The default 0 applies.`,
		},
		"v=DMARC1; p=none; rua=" + strings.Repeat("mailto:a@b,", 20) + "mailto:c@d": {
			"The tag rua has more than 20 addresses: the others are ignored.",
		},
		"v=DMARC1; p=none; t=\x1b[31m": {
			`The tag t has the value "\x1b[31m": it must be n or y. The default n applies.`,
		},
	} {
		r, err := dmarc.ParseRecord(text)
		require.NoError(t, err)
		assert.Equal(t, want, r.Problems, text)
	}
}

func TestVersionErrorsSayWhatToWrite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"p=none":           "it does not begin with v=DMARC1",
		"v=dmarc1; p=none": "write DMARC1 in upper case",
		"v=DMARC1, p=none": "a semicolon must follow v=DMARC1",
		"v=DMARC2; p=none": "the version is not DMARC1",
	} {
		_, err := dmarc.ParseRecord(text)
		require.EqualError(t, err, "dmarc: not a DMARC record: "+want)
	}
}
