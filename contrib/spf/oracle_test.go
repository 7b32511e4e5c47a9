package spf_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"

	blitiri "blitiri.com.ar/go/spf"
	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
)

// TestAgainstAnotherLibrary compares the results for random records, in which every name is a
// random one too, with those of another implementation. The records are right, because that
// one ignores mistakes behind a match, and have nothing that RFC 7208 leaves open: no void
// lookups beyond the limit in the names of mx and of the client, and clients of version 4
// alone, because it looks up both versions.
func TestAgainstAnotherLibrary(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7208, 1))
	seen := make(map[spf.Status]int)
	for range 300 {
		text := randomZone(rnd)
		dns := resolvertest.New(t, text, resolvertest.Fail("broken.example"))
		for range 5 {
			addr := fmt.Sprintf("192.0.2.%d", rnd.IntN(8))
			sender := fmt.Sprintf("a%d.b@d%d.example", rnd.IntN(3), rnd.IntN(zoneDomains))
			q := spf.Query{IP: netip.MustParseAddr(addr), Helo: "h.example", MailFrom: sender}
			got := spf.Check(t.Context(), dns, q).MailFrom
			want, err := blitiri.CheckHostWithSender(net.ParseIP(addr), "h.example", sender,
				blitiri.WithContext(t.Context()), blitiri.WithResolver(dns.Net()))
			if !assert.Equal(t, string(want), string(got.Status), "%s %s: %s\n%v\n%+v", addr, sender, text, err, got) {
				return
			}
			seen[got.Status]++
		}
	}
	for _, s := range []spf.Status{spf.Neutral, spf.Pass, spf.Fail, spf.SoftFail, spf.PermError, spf.TempError} {
		assert.Greater(t, seen[s], 10, s)
	}
}

// zoneDomains is the number of domains with a record in a random zone.
const zoneDomains = 6

func randomZone(rnd *rand.Rand) string {
	var z strings.Builder
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	host := func() string { return fmt.Sprintf("h%d.example", rnd.IntN(6)) }
	domain := func() string {
		return pick(fmt.Sprintf("d%d.example", rnd.IntN(zoneDomains)), fmt.Sprintf("d%d.example", rnd.IntN(zoneDomains)), pick("none.example", "broken.example"))
	}
	term := func() string {
		switch rnd.IntN(9) {
		case 0:
			return fmt.Sprintf("ip4:192.0.2.%d/%d", rnd.IntN(8), 28+rnd.IntN(5))
		case 1:
			return "a:" + pick(host(), host(), "gone.example", "broken.example") + pick("", "/31", "/30//64")
		case 2:
			return "mx" + pick("", ":"+domain()) + pick("", "/30")
		case 3, 4:
			return "include:" + domain()
		case 5:
			return "exists:" + pick("%{ir}.list.example", "%{l1r}.%{d2}", "%{o}.%{v}.example", "%{h}", "%{s}.example")
		case 6:
			return "ip6:2001:db8::/32"
		case 7:
			return "ptr:" + pick("%{d1}", host())
		default:
			return "a"
		}
	}
	for i := range zoneDomains {
		fmt.Fprintf(&z, "d%d.example. TXT \"%s", i, pick("v=spf1", "v=SPF1"))
		for range rnd.IntN(4) {
			fmt.Fprintf(&z, " %s%s", pick("", "", "-", "~", "?", "+"), term())
		}
		fmt.Fprintf(&z, "%s\"\n", pick(" -all", " ~all", " ?all", "", " redirect="+domain()))
		fmt.Fprintf(&z, "d%d.example. A 192.0.2.%d\nd%d.example. MX 10 %s.\n", i, rnd.IntN(8), i, host())
	}
	for i := range 6 {
		fmt.Fprintf(&z, "h%d.example. A 192.0.2.%d\nh%d.example. A 192.0.2.%d\n", i, rnd.IntN(8), i, rnd.IntN(8))
	}
	for i := range 8 {
		fmt.Fprintf(&z, "%d.2.0.192.in-addr.arpa. PTR %s.\n", i, host())
	}
	fmt.Fprintf(&z, "%d.2.0.192.list.example. A 127.0.0.2\nb.d%d.example. A 127.0.0.2\n", rnd.IntN(8), rnd.IntN(zoneDomains))
	return z.String()
}
