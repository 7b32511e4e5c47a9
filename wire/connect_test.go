package wire_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/wire"
)

func TestConnectAddr(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		family wire.Family
		text   string
		want   string // empty: none
	}{
		{"IPv4", wire.FamilyInet, "192.0.2.1", "192.0.2.1"},
		{"IPv6", wire.FamilyInet6, "2001:db8::1", "2001:db8::1"},
		{"IPv6 as Sendmail says it", wire.FamilyInet6, "IPv6:2001:db8::1", "2001:db8::1"},
		{"prefix in other case", wire.FamilyInet6, "ipv6:::1", "::1"},
		{"prefix twice", wire.FamilyInet6, "IPv6:IPv6:::1", ""},
		{"prefix alone", wire.FamilyInet6, "IPv6:", ""},
		{"mapped", wire.FamilyInet6, "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"zone", wire.FamilyInet6, "fe80::1%eth0", "fe80::1%eth0"},
		{"brackets", wire.FamilyInet6, "[::1]", ""},
		{"name", wire.FamilyInet, "localhost", ""},
		{"octal", wire.FamilyInet, "010.0.0.1", ""},
		{"empty", wire.FamilyInet, "", ""},
		{"path that looks like an address", wire.FamilyUnix, "192.0.2.1", ""},
		{"unknown", wire.FamilyUnknown, "192.0.2.1", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var want netip.Addr
			if tc.want != "" {
				want = netip.MustParseAddr(tc.want)
			}
			m := wire.Connect{Family: tc.family, Address: text(tc.text)}
			assert.Equal(t, want, m.Addr())
		})
	}
}

func TestConnectFamilyNotKnown(t *testing.T) {
	t.Parallel()
	var m wire.Connect
	requireViolation(t, m.Decode(text("x\x00X\x00\x19a\x00")), "SMFIC_CONNECT", "unknown address family")
}
