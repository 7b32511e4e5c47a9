package dkimfile

import (
	"errors"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// Host is what the results are written for: the settings authserv_id, also_remove and relays.
type Host struct {
	AuthservID yamlconf.Word
	AlsoRemove []yamlconf.Word
	Relays     []yamlconf.Network
	// NoField says that another filter writes the results.
	NoField bool
}

// Verifying returns the configuration. The error joins a [*yamlconf.PlaceError] for each mistake.
func (c *Verifying) Verifying(f Host, resolver dkim.Resolver) (dkim.Verifying, error) {
	v := dkim.Verifying{
		AuthservID: f.AuthservID.Text, AlsoRemove: yamlconf.Texts(f.AlsoRemove), Relays: yamlconf.Prefixes(f.Relays), Resolver: resolver,
		Timeout: c.Timeout.Duration, MaxSignatures: c.MaxSignatures.N, MinBits: c.MinBits.N,
		BodyLength: c.BodyLength.BodyLength, Skew: c.Skew.Duration, Optional: c.Optional.set,
	}
	if len(c.Policies) > 0 {
		v.Policies = make(map[string]dkim.Policy, len(c.Policies))
	}
	errs := []error{
		c.Optional.check(f.NoField),
		f.AuthservID.Wrong(checkVerifying(dkim.Verifying{AuthservID: v.AuthservID})),
		c.MaxSignatures.Wrong(checkVerifying(dkim.Verifying{MaxSignatures: v.MaxSignatures})),
		c.MinBits.Wrong(checkVerifying(dkim.Verifying{MinBits: v.MinBits})),
	}
	for _, name := range f.AlsoRemove {
		errs = append(errs, name.Wrong(checkVerifying(dkim.Verifying{AlsoRemove: []string{name.Text}})))
	}
	for domain, p := range c.Policies {
		policy := dkim.Policy{Unsigned: p.Unsigned.Action, Fail: p.Fail.Action, TempError: p.TempError.Action}
		errs = append(errs, domain.Wrong(checkVerifying(dkim.Verifying{Policies: map[string]dkim.Policy{domain.Text: policy}})))
		v.Policies[domain.Text] = policy
	}
	return v, errors.Join(errs...)
}

// check returns an error if the setting has no effect, because another filter writes the
// results.
func (w *wish) check(noField bool) error {
	if !w.set || !noField {
		return nil
	}
	return w.Wrong(errors.New("optional is not for this section: the filter writes one field with the results of all methods; if it cannot, set fail: open to leave it out"))
}

// ParseCanonicalization parses the canonicalizations of header and body in the form of the tag
// c of a signature, such as relaxed/simple.
func ParseCanonicalization(text string) (header, body dkim.Canonicalization, err error) {
	h, b, ok := strings.Cut(text, "/")
	if !ok {
		b = "simple" // the default in a signature, too (RFC 6376, section 3.5)
	}
	one := func(name string) dkim.Canonicalization {
		switch name {
		case "relaxed":
			return dkim.Relaxed
		case "simple":
			return dkim.Simple
		default:
			err = errors.New("want simple or relaxed for header and body, such as relaxed/simple")
			return dkim.Simple
		}
	}
	return one(h), one(b), err
}
