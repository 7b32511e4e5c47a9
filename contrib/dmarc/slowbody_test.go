package dmarc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A client that sends the body slowly changes no result: the time in which no lookup of the message
// runs does not count. Otherwise a client could turn a fail into a temperror, and a long message
// of an honest one could not pass.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	const zone = `
		client.example.org.        A   192.0.2.1
		bounce.good.example.       TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.good.example.       TXT "v=DMARC1; p=reject"
		evil.co.example.           TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.victim.co.example.  TXT "v=DMARC1; p=reject"
		_dmarc.other.example.      TXT "v=DMARC1; p=none; np=reject"
	`
	for name, c := range map[string]struct {
		sender, author string
		busy           bool
		want           string
	}{
		"an aligned subdomain":       {"b@bounce.good.example", "ann@good.example", false, "dmarc=pass"},
		"a neighbour":                {"b@evil.co.example", "ann@victim.co.example", false, "dmarc=fail"},
		"a name that does not exist": {"b@evil.co.example", "ann@x.other.example", false, "policy.dmarc=reject"},
		"nothing beside the session": {"b@evil.co.example", "ann@victim.co.example", true, "dmarc=fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dns := resolvertest.New(t, zone)
				f := filter(t, dmarc.Config{Resolver: slow{dns}})
				sender, err := spf.New(spf.Config{Resolver: dns, NoField: true})
				require.NoError(t, err)
				r := framework.NewRouter()
				most := 0
				if c.busy {
					most = 1
					r.Mount(busy())
				}
				for _, f := range []framework.Filter{sender, f} {
					r.Mount(f)
				}
				end := beginFrom(t, r, c.sender, c.author, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = most }))
				time.Sleep(time.Minute)
				assert.Contains(t, end(), c.want)
			})
		})
	}
}
