package message_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message"
)

func TestAddressForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address            message.Address
		header, path, addr string
	}{
		"null":             {message.Address{}, "<>", "<>", ""},
		"null, named":      {message.Address{Name: "Mailer"}, "Mailer <>", "<>", ""},
		"an address":       {message.Address{Local: "ann", Domain: "example.org"}, "ann@example.org", "<ann@example.org>", "ann@example.org"},
		"a name":           {message.Address{Name: "Ann Smith", Local: "ann", Domain: "example.org"}, "Ann Smith <ann@example.org>", "<ann@example.org>", "ann@example.org"},
		"a name to quote":  {message.Address{Name: `Smith, "A" \ B.`, Local: "a", Domain: "b"}, `"Smith, \"A\" \\ B." <a@b>`, "<a@b>", "a@b"},
		"spaces":           {message.Address{Name: "a  b", Local: "a", Domain: "b"}, `"a  b" <a@b>`, "<a@b>", "a@b"},
		"local quoted":     {message.Address{Local: `a b"`, Domain: "b"}, `"a b\""@b`, `<"a b\""@b>`, `"a b\""@b`},
		"local with dots":  {message.Address{Local: "a..b", Domain: "b"}, `"a..b"@b`, `<"a..b"@b>`, `"a..b"@b`},
		"local empty":      {message.Address{Domain: "b"}, `""@b`, `<""@b>`, `""@b`},
		"no domain":        {message.Address{Local: "root"}, "root", "<root>", "root"},
		"line breaks":      {message.Address{Name: "a\r\nBcc: x\x00", Local: "a\nb", Domain: "c\r\nd"}, `"a Bcc: x " <"a b"@c??d>`, `<"a b"@c??d>`, `"a b"@c??d`},
		"domain, comma":    {message.Address{Local: "a", Domain: "b, evil@x"}, "a@b??evil?x", "<a@b??evil?x>", "a@b??evil?x"},
		"domain, bracket":  {message.Address{Local: "a", Domain: "b>c"}, "a@b?c", "<a@b?c>", "a@b?c"},
		"domain, comment":  {message.Address{Local: "a", Domain: "b(c)"}, "a@b?c?", "<a@b?c?>", "a@b?c?"},
		"literal":          {message.Address{Local: "a", Domain: "[IPv6:2001:db8::1]"}, "a@[IPv6:2001:db8::1]", "<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"},
		"literal, strange": {message.Address{Local: "a", Domain: `[a\],b]`}, `a@[a\],b]`, `<a@[a\],b]>`, `a@[a\],b]`},
		"literal, open":    {message.Address{Local: "a", Domain: "[192.0.2.1"}, "a@?192.0.2.1", "<a@?192.0.2.1>", "a@?192.0.2.1"},
		"literal, two":     {message.Address{Local: "a", Domain: "[x], b@[y]"}, "a@?x???b??y?", "<a@?x???b??y?>", "a@?x???b??y?"},
		"local, brackets":  {message.Address{Local: "a>, <b", Domain: "c"}, `"a>, <b"@c`, `<"a>, <b"@c>`, `"a>, <b"@c`},
		"no domain, sign":  {message.Address{Name: "x", Local: "a@b, c"}, `x <"a@b, c">`, `<"a@b, c">`, `"a@b, c"`},
		"UTF-8":            {message.Address{Name: "Änn", Local: "ä", Domain: "bücher.example"}, "Änn <ä@bücher.example>", "<ä@bücher.example>", "ä@bücher.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.header, c.address.String())
			assert.Equal(t, c.path, c.address.Path())
			assert.Equal(t, c.addr, c.address.Addr())
			assertReadBack(t, c.address)
		})
	}
}

// assertReadBack asserts that the header form of an address is read as one address.
func assertReadBack(t *testing.T, a message.Address) {
	t.Helper()
	list, err := message.ParseAddressList(a.String(), message.Tolerant)
	if a.IsNull() {
		require.Error(t, err)
		return
	}
	require.NoError(t, err, "%q", a.String())
	require.Len(t, list, 1, "%q", a.String())
	assert.Equal(t, a.Addr(), list[0].Addr())
}

func FuzzAddress(f *testing.F) {
	f.Add("Ann, <b@c>", "a", "b, evil@x")
	f.Add(`"`, `a"\`, "b>c")
	f.Add("(", "a:b", "[x")
	f.Fuzz(func(t *testing.T, name, local, domain string) {
		if a := (message.Address{Name: name, Local: local, Domain: message.Domain(domain)}); utf8.ValidString(a.String()) {
			assertReadBack(t, a)
		}
	})
}

// The header form of an address can be encoded, and then has the same name for readers.
func TestEncodedAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Änn", "Müller, Änn", `Ä "x" \ y`, "Ann Ä. B.", "山田 太郎", "a  ä"} {
		a := message.Address{Name: name, Local: "ann", Domain: "example.org"}
		encoded, err := message.EncodeAddresses(a.String())
		require.NoError(t, err)
		again, err := message.ParseAddress(encoded, message.Strict)
		require.NoError(t, err, encoded)
		decoded, err := message.Decode(again.Name)
		require.NoError(t, err)
		assert.Equal(t, name, decoded, encoded)
		assert.Equal(t, a.Addr(), again.Addr())
	}
}

func TestDomainForms(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 200)
	for domain, c := range map[message.Domain]struct {
		ascii, unicode string
		literal        bool
	}{
		"Example.ORG":               {"example.org", "example.org", false},
		"BÜCHER.example":            {"xn--bcher-kva.example", "bücher.example", false},
		"xn--bcher-kva.example":     {"xn--bcher-kva.example", "bücher.example", false},
		"XN--BCHER-KVA.EXAMPLE":     {"xn--bcher-kva.example", "bücher.example", false},
		"bücher\u3002example":       {"xn--bcher-kva.example", "bücher.example", false},
		"b\u0308cher.例え":            {"xn--bcher-egd.xn--r8jz45g", "b\u0308cher.例え", false},
		"xn--a.example":             {"xn--a.example", "xn--a.example", false},
		"_dmarc.example.org":        {"_dmarc.example.org", "_dmarc.example.org", false},
		"example.org.":              {"example.org.", "example.org.", false},
		"a\xe4b.example":            {"a\xe4b.example", "a\xe4b.example", false},
		"":                          {"", "", false},
		"[192.0.2.1]":               {"[192.0.2.1]", "[192.0.2.1]", true},
		"[IPv6:2001:DB8::1]":        {"[ipv6:2001:db8::1]", "[ipv6:2001:db8::1]", true},
		message.Domain(long) + ".x": {long + ".x", long + ".x", false},
	} {
		t.Run(string(domain), func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.ascii, domain.ASCII())
			assert.Equal(t, c.unicode, domain.Unicode())
			assert.Equal(t, c.literal, domain.IsLiteral())
		})
	}
}
