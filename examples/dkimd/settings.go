package main

import (
	"crypto"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dkim/tables"
)

// settings holds the values of a configuration file in the form in which the
// filter needs them.
type settings struct {
	mode     string
	dryRun   bool
	metrics  string // the address of the metrics, or ""
	config   dkim.Config
	resolver dkim.Resolver
	warnings []error // about what is valid but does nothing
}

// The values of the setting mode.
const (
	modeBoth   = "both"
	modeSign   = "sign"
	modeVerify = "verify"
)

// loadConfig reads a configuration file and the files that it names.
func loadConfig(path string) (*settings, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, text)
}

// parseConfig is like loadConfig but takes the text of the file. The path is
// only used in errors.
func parseConfig(path string, text []byte) (*settings, error) {
	f, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	s, err := f.settings()
	if err != nil {
		return nil, prefixed(path, err)
	}
	if _, err := s.filter(); err != nil {
		return nil, prefixed(path, err)
	}
	for i, err := range s.warnings {
		s.warnings[i] = prefixed(path, err)
	}
	return s, nil
}

// prefixed puts the file's name before each of the joined errors.
func prefixed(path string, err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(many.Unwrap()...).Error() {
		var errs []error
		for _, e := range many.Unwrap() {
			errs = append(errs, prefixed(path, e))
		}
		return errors.Join(errs...)
	}
	return &fileError{path, err}
}

// filter returns a filter for the mode.
func (s *settings) filter() (*dkim.Filter, error) {
	switch s.mode {
	case modeSign:
		return dkim.NewSigner(s.config)
	case modeVerify:
		return dkim.NewVerifier(s.config)
	case modeBoth:
		return dkim.New(s.config)
	default:
		return nil, checkMode(s.mode)
	}
}

func checkMode(mode string) error {
	if mode == modeBoth || mode == modeSign || mode == modeVerify {
		return nil
	}
	return fmt.Errorf("mode: want both, sign or verify, not %q", mode)
}

func (f *file) settings() (*settings, error) {
	s := &settings{mode: f.Mode.text, dryRun: f.DryRun, metrics: f.Metrics.text}
	if s.mode == "" {
		s.mode = modeBoth
	}
	errs := []error{f.Mode.wrong(checkMode(s.mode))}
	resolver, err := f.DNS.resolver()
	errs = append(errs, err)
	s.resolver = resolver
	s.config.Trust, err = f.Trust.trust()
	errs = append(errs, err)
	s.config.Signing, err = f.signing(resolver)
	errs = append(errs, err)
	s.config.Verifying, err = f.verifying(resolver)
	errs = append(errs, err)
	s.warnings = f.unusedKeys()
	return s, errors.Join(errs...)
}

func (t *trustFile) trust() (dkim.Trust, error) {
	trust := dkim.Trust{
		Networks: prefixes(t.Networks), Except: prefixes(t.Except),
		NotAuthenticated: t.Authenticated != nil && !*t.Authenticated, OwnDomain: t.OwnDomain,
	}
	if t.Macros != nil {
		trust.Macros = make(map[string][]string, len(t.Macros))
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(t.Macros)) {
		values := t.Macros[name]
		errs = append(errs, values.wrong(dkim.CheckMacro(name, values.list)))
		trust.Macros[name] = values.list
	}
	if t.HostsFile.text == "" {
		return trust, errors.Join(errs...)
	}
	hosts, err := tables.ReadHosts(t.HostsFile.text)
	trust.Networks = append(append([]netip.Prefix{}, trust.Networks...), hosts.Networks...) // not nil, even if the file has no networks
	trust.Except = append(trust.Except, hosts.Except...)
	return trust, errors.Join(append(errs, t.HostsFile.wrong(err))...)
}

// prefixes returns the networks of a list. It returns nil only for a list that
// is missing: an empty list trusts no network, while a missing list means the
// default.
func prefixes(list []network) []netip.Prefix {
	if list == nil {
		return nil
	}
	out := make([]netip.Prefix, 0, len(list))
	for _, n := range list {
		out = append(out, n.prefix)
	}
	return out
}

func (f *file) signing(resolver dkim.Resolver) (dkim.Signing, error) {
	c := &f.Signing
	signing := dkim.Signing{
		AllRules: c.AllRules, Headers: wordTexts(c.Headers), Oversign: wordTexts(c.Oversign),
		Header: c.Canonicalization.header, Body: c.Canonicalization.body,
		Lifetime: c.Lifetime.Duration, NoTime: c.Timestamp != nil && !*c.Timestamp,
	}
	if c.CheckDNS {
		signing.Resolver = resolver
	}
	keys, err := f.keys()
	errs := []error{err}
	for i := range c.Rules {
		rule, err := c.Rules[i].rule(keys)
		errs = append(errs, err)
		signing.Rules = append(signing.Rules, rule)
	}
	errs = append(errs, c.Lifetime.wrong(checkSigning(dkim.Signing{Lifetime: c.Lifetime.Duration})))
	for _, name := range slices.Concat(c.Headers, c.Oversign) {
		errs = append(errs, name.wrong(checkSigning(dkim.Signing{Headers: []string{name.text}})))
	}
	for _, recipient := range c.ExceptRecipients {
		errs = append(errs, recipient.wrong(dkim.CheckSender(recipient.text)))
		signing.ExceptRecipients = append(signing.ExceptRecipients, recipient.text)
	}
	if errors.Join(errs...) == nil {
		for i := range c.Rules {
			errs = append(errs, c.Rules[i].Senders.wrong(checkSigning(dkim.Signing{Rules: signing.Rules[i : i+1]})))
		}
	}
	rules, err := c.OpenDKIM.rules()
	signing.Rules = append(signing.Rules, rules...)
	return signing, errors.Join(append(errs, err)...)
}

// keys loads the private keys and returns them by name.
func (f *file) keys() (map[string]dkim.Key, error) {
	keys := make(map[string]dkim.Key, len(f.Keys))
	var errs []error
	for i := range f.Keys {
		k := &f.Keys[i]
		if _, there := keys[k.Name.text]; there || k.Name.text == "" {
			errs = append(errs, k.Name.wrong(fmt.Errorf("a key's name, %q, is empty or used twice", k.Name.text)))
			continue
		}
		key, err := k.key()
		errs = append(errs, err)
		keys[k.Name.text] = key
	}
	return keys, errors.Join(errs...)
}

func (k *keyFile) key() (dkim.Key, error) {
	key := dkim.Key{Domain: k.Domain.text, Selector: k.Selector.text, Since: k.Since.Time, Until: k.Until.Time}
	switch k.Identity {
	case "", "none":
	case "domain":
		key.AUID = dkim.AUIDDomain
	case "address":
		key.AUID = dkim.AUIDAddress
	default:
		key.Identity = k.Identity
	}
	var errs []error
	switch {
	case k.Selector.text == "" || k.Domain.text == "" || k.File.text == "":
		errs = append(errs, k.Name.wrong(errors.New("a key needs a domain, a selector and a file")))
	case k.Domain.text == "%":
		errs = append(errs, k.Selector.wrong(dkim.CheckNames(k.Selector.text, "example.org")))
	default:
		errs = append(errs, k.Domain.wrong(dkim.CheckNames(k.Selector.text, k.Domain.text)))
	}
	var err error
	key.Signer, err = loadKey(k.File.text, k.AllowReadable)
	if err = errors.Join(append(errs, k.File.wrong(err))...); err != nil {
		return key, err
	}
	anyone := dkim.Rule{Senders: []string{"*"}, Keys: []dkim.Key{key}, ThirdParty: true}
	return key, k.Name.wrong(checkSigning(dkim.Signing{Rules: []dkim.Rule{anyone}}))
}

func loadKey(path string, allowReadable bool) (crypto.Signer, error) {
	if allowReadable {
		return dkim.LoadKey(path, dkim.AllowReadable())
	}
	return dkim.LoadKey(path)
}

func (r *ruleFile) rule(keys map[string]dkim.Key) (dkim.Rule, error) {
	rule := dkim.Rule{ThirdParty: r.ThirdParty}
	var errs []error
	for _, sender := range r.Senders.list {
		errs = append(errs, sender.wrong(dkim.CheckSender(sender.text)))
		rule.Senders = append(rule.Senders, sender.text)
	}
	for _, name := range r.Keys.list {
		key, ok := keys[name.text]
		if !ok {
			errs = append(errs, name.wrong(fmt.Errorf("unknown key %q", name.text)))
		} else if key.Domain != "" {
			errs = append(errs, name.wrong(dkim.CheckUse(&rule, &key)))
		}
		rule.Keys = append(rule.Keys, key)
	}
	return rule, errors.Join(errs...)
}

func (o *openDKIMFile) rules() ([]dkim.Rule, error) {
	switch {
	case o.KeyTable.text == "" && o.SigningTable.text == "":
		return nil, nil
	case o.KeyTable.text == "":
		return nil, o.SigningTable.wrong(errors.New("signing_table needs key_table"))
	case o.SigningTable.text == "":
		return nil, o.KeyTable.wrong(errors.New("key_table needs signing_table"))
	}
	var opts []dkim.KeyOption
	if o.AllowReadable {
		opts = append(opts, dkim.AllowReadable())
	}
	rules, err := tables.ReadSigning(o.KeyTable.text, o.SigningTable.text, o.ThirdParty, opts...)
	return rules, o.KeyTable.wrong(err)
}

func (f *file) verifying(resolver dkim.Resolver) (dkim.Verifying, error) {
	c := &f.Verifying
	v := dkim.Verifying{
		AuthservID: f.AuthservID.text, AlsoRemove: wordTexts(f.AlsoRemove), Relays: prefixes(f.Relays), Resolver: resolver,
		Timeout: c.Timeout.Duration, MaxSignatures: c.MaxSignatures.n, MinBits: c.MinBits.n,
		BodyLength: c.BodyLength.BodyLength, Skew: c.Skew.Duration,
	}
	if len(c.Policies) > 0 {
		v.Policies = make(map[string]dkim.Policy, len(c.Policies))
	}
	errs := []error{
		f.AuthservID.wrong(checkVerifying(dkim.Verifying{AuthservID: v.AuthservID})),
		c.MaxSignatures.wrong(checkVerifying(dkim.Verifying{MaxSignatures: v.MaxSignatures})),
		c.MinBits.wrong(checkVerifying(dkim.Verifying{MinBits: v.MinBits})),
	}
	for _, name := range f.AlsoRemove {
		errs = append(errs, name.wrong(checkVerifying(dkim.Verifying{AlsoRemove: []string{name.text}})))
	}
	for domain, p := range c.Policies {
		policy := dkim.Policy{Unsigned: p.Unsigned.Action, Fail: p.Fail.Action, TempError: p.TempError.Action}
		errs = append(errs, domain.wrong(checkVerifying(dkim.Verifying{Policies: map[string]dkim.Policy{domain.text: policy}})))
		v.Policies[domain.text] = policy
	}
	return v, errors.Join(errs...)
}

// NewFilter returns a filter with the configuration in the text of a file. The
// path is only used in errors.
func NewFilter(path string, text []byte) (*dkim.Filter, error) {
	s, err := parseConfig(path, text)
	if err != nil {
		return nil, err
	}
	return s.filter()
}
