package networks_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/networks"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestUnmapped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ networks, want []netip.Prefix }{
		"none":         {nil, nil},
		"empty":        {[]netip.Prefix{}, []netip.Prefix{}},
		"as they are":  {prefixes("192.0.2.0/24", "2001:db8::/32"), prefixes("192.0.2.0/24", "2001:db8::/32")},
		"mapped":       {prefixes("::ffff:192.0.2.0/120"), prefixes("192.0.2.0/24")},
		"all of IPv4":  {prefixes("::ffff:0.0.0.0/96"), prefixes("0.0.0.0/0")},
		"more than it": {prefixes("::ffff:0.0.0.0/90"), prefixes("::ffff:0.0.0.0/90")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := networks.Unmapped(c.networks)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	_, err := networks.Unmapped([]netip.Prefix{{}})
	assert.EqualError(t, err, "a network is not valid")
}

func TestContain(t *testing.T) {
	t.Parallel()
	list := prefixes("192.0.2.0/24", "2001:db8::/32")
	assert.True(t, networks.Contain(list, netip.MustParseAddr("192.0.2.1")))
	assert.True(t, networks.Contain(list, netip.MustParseAddr("2001:db8::1")))
	assert.False(t, networks.Contain(list, netip.MustParseAddr("198.51.100.1")))
	assert.False(t, networks.Contain(nil, netip.MustParseAddr("192.0.2.1")))
	assert.False(t, networks.Contain(list, netip.Addr{}))
}
