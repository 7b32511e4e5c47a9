package resolvertest

import "github.com/miekg/dns"

// Option makes names fail.
type Option func(*zone)

// Fail lets the servers answer SERVFAIL for names and for those below them. A lookup of such a
// name ends with [resolver.ErrServer]. "." stands for all names.
func Fail(names ...string) Option {
	return func(z *zone) {
		for _, name := range names {
			z.failures = append(z.failures, failure{name: dns.CanonicalName(name), code: dns.RcodeServerFailure})
		}
	}
}

// Silent lets the servers answer nothing for names and for those below them. A lookup of such
// a name ends with [resolver.ErrServer] after the Timeout of the configuration. "." stands for
// all names.
func Silent(names ...string) Option {
	return func(z *zone) {
		for _, name := range names {
			z.failures = append(z.failures, failure{name: dns.CanonicalName(name), silent: true})
		}
	}
}
