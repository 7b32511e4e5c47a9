package main

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/framework"
)

// replayed returns the filters of a file for a replay of recorded mail. They report to no
// metrics. Filters that run elsewhere are left out, because they would get the mail. Limits are
// left out, because the mail of weeks is replayed within seconds.
func replayed(path string, o config.Options, offline bool) (*fxcli.Replayed, error) {
	out := &fxcli.Replayed{Says: []string{dnsfile.OnlineSays}}
	o.Replay = true
	if offline {
		dns, err := dnsfile.NewOffline()
		if err != nil {
			return nil, err
		}
		o.Offline, o.Resolver = true, dns.Resolver
		out.Check, out.Says = dns.Check, []string{dnsfile.OfflineSays}
	}
	conf, err := config.Load(path, o)
	if err != nil {
		return nil, err
	}
	filters, err := conf.Build(config.Hooks{})
	if err != nil {
		return nil, err
	}
	out.Router = framework.NewRouter()
	out.Router.Mount(filters)
	out.Server, out.Absent, out.Close = conf.Server, slices.Concat(conf.Remote, conf.Unlimited), filters.Close
	if len(conf.Remote) > 0 {
		out.Says = append(out.Says, "Left out, because no mail is sent to other servers: "+strings.Join(conf.Remote, ", ")+
			". Messages in which they decided or edited are not compared.")
	}
	if len(conf.Unlimited) > 0 {
		out.Says = append(out.Says, "Left out, because it depends on the number of messages in a time: "+strings.Join(conf.Unlimited, ", ")+". Messages that they refused are not compared.")
	}
	return out, nil
}
