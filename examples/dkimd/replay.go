package main

import (
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

// replayed returns the filter for a replay of recorded mail. Its events reach no metrics.
// Records in a file are used offline, too.
func replayed(s *settings, offline bool) (*fxcli.Replayed, error) {
	own := *s
	own.config.Observe = nil
	_, inFile := s.resolver.(records)
	out := &fxcli.Replayed{Router: framework.NewRouter()}
	switch {
	case inFile:
		out.Says = []string{"Keys are those in the file of the configuration."}
	case offline:
		dns, err := dnsfile.NewOffline()
		if err != nil {
			return nil, err
		}
		own.config.Signing.Resolver, own.config.Verifying.Resolver = nil, dns // nil signs without a look at the published key
		out.Says, out.Check = []string{dnsfile.OfflineSays}, dns.Check
	default:
		out.Says = []string{dnsfile.OnlineSays}
	}
	f, err := own.filter()
	if err != nil {
		return nil, err
	}
	out.Router.Mount(f, own.lane()...)
	return out, nil
}
