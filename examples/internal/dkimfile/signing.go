package dkimfile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dkim/tables"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// Signing returns the configuration with the keys, which it loads. The names of files are
// relative to a folder. If the resolver is nil, check_dns has no effect. The error joins a
// [*yamlconf.PlaceError] for each mistake.
func (c *Signing) Signing(in Folder, list Keys, resolver dkim.Resolver) (dkim.Signing, error) {
	signing := dkim.Signing{
		AllRules: c.AllRules, Optional: c.Optional, Headers: yamlconf.Texts(c.Headers), Oversign: yamlconf.Texts(c.Oversign),
		Header: c.Canonicalization.header, Body: c.Canonicalization.body,
		Lifetime: c.Lifetime.Duration, NoTime: c.Timestamp != nil && !*c.Timestamp,
	}
	if c.CheckDNS {
		signing.Resolver = resolver
	}
	keys, err := list.load(in)
	errs := []error{err}
	for i := range c.Rules {
		rule, err := c.Rules[i].rule(keys)
		errs = append(errs, err)
		signing.Rules = append(signing.Rules, rule)
	}
	errs = append(errs, c.Lifetime.Wrong(checkSigning(dkim.Signing{Lifetime: c.Lifetime.Duration})))
	for _, name := range slices.Concat(c.Headers, c.Oversign) {
		errs = append(errs, name.Wrong(checkSigning(dkim.Signing{Headers: []string{name.Text}})))
	}
	for _, recipient := range c.ExceptRecipients {
		errs = append(errs, recipient.Wrong(dkim.CheckSender(recipient.Text)))
		signing.ExceptRecipients = append(signing.ExceptRecipients, recipient.Text)
	}
	if errors.Join(errs...) == nil {
		for i := range c.Rules {
			errs = append(errs, c.Rules[i].at().Wrong(checkSigning(dkim.Signing{Rules: signing.Rules[i : i+1]})))
		}
	}
	rules, err := c.OpenDKIM.rules(in)
	signing.Rules = append(signing.Rules, rules...)
	return signing, errors.Join(append(errs, err)...)
}

// Unused returns a warning for each key that no rule names.
func (c *Signing) Unused(list Keys) []error {
	used := make(map[string]bool)
	for i := range c.Rules {
		for _, name := range c.Rules[i].Keys.List {
			used[name.Text] = true
		}
	}
	var warnings []error
	for i := range list {
		if name := list[i].Name; !used[name.Text] {
			warnings = append(warnings, name.Wrong(fmt.Errorf("no rule names the key %q, so it signs nothing", name.Text)))
		}
	}
	return warnings
}

// at returns the place of the rule: that of its senders, or of the whole if it has none.
func (r *Rule) at() yamlconf.Position {
	if r.Senders.Line > 0 {
		return r.Senders.Position
	}
	return r.position
}

func (r *Rule) rule(keys map[string]dkim.Key) (dkim.Rule, error) {
	rule := dkim.Rule{ThirdParty: r.ThirdParty}
	var errs []error
	for _, sender := range r.Senders.List {
		errs = append(errs, sender.Wrong(dkim.CheckSender(sender.Text)))
		rule.Senders = append(rule.Senders, sender.Text)
	}
	for _, name := range r.Keys.List {
		key, ok := keys[name.Text]
		if !ok {
			errs = append(errs, name.Wrong(fmt.Errorf("unknown key %q", name.Text)))
		} else if key.Domain != "" {
			errs = append(errs, name.Wrong(dkim.CheckUse(&rule, &key)))
		}
		rule.Keys = append(rule.Keys, key)
	}
	return rule, errors.Join(errs...)
}

func (o *OpenDKIM) rules(in Folder) ([]dkim.Rule, error) {
	switch {
	case o.KeyTable.Text == "" && o.SigningTable.Text == "":
		return nil, nil
	case o.KeyTable.Text == "":
		return nil, o.SigningTable.Wrong(errors.New("signing_table needs key_table"))
	case o.SigningTable.Text == "":
		return nil, o.KeyTable.Wrong(errors.New("key_table needs signing_table"))
	}
	var opts []dkim.KeyOption
	if o.AllowReadable {
		opts = append(opts, dkim.AllowReadable())
	}
	rules, err := tables.ReadSigning(in.table(o.KeyTable.Text), in.table(o.SigningTable.Text), o.ThirdParty, opts...)
	return rules, o.KeyTable.Wrong(err)
}
