package config

import (
	"errors"
	"fmt"

	"github.com/samber/lo"
	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework/message"
)

// spfFile is the section spf.
type spfFile struct {
	MailFrom     spfPolicy `yaml:"mailfrom"`
	Helo         spfPolicy `yaml:"helo"`
	HeloIfNeeded bool      `yaml:"helo_if_needed"`
	ReceivedSPF  bool      `yaml:"received_spf"`
}

type spfPolicy struct {
	Fail      spfAction `yaml:"fail"`
	SoftFail  spfAction `yaml:"softfail"`
	None      spfAction `yaml:"none"`
	TempError spfAction `yaml:"temperror"`
	PermError spfAction `yaml:"permerror"`
}

type spfAction struct{ spf.Action }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *spfAction) UnmarshalYAML(n *yaml.Node) (err error) {
	v.Action, err = spf.ParseAction(n.Value)
	return err
}

func (f *spfFile) config() spf.Config {
	return spf.Config{MailFrom: f.MailFrom.policy(), Helo: f.Helo.policy(), HeloIfNeeded: f.HeloIfNeeded, ReceivedSPF: f.ReceivedSPF}
}

func (p *spfPolicy) policy() spf.Policy {
	return spf.Policy{
		Fail: p.Fail.Action, SoftFail: p.SoftFail.Action, None: p.None.Action,
		TempError: p.TempError.Action, PermError: p.PermError.Action,
	}
}

// dmarcFile is the section dmarc.
type dmarcFile struct {
	Reject         dmarcAction     `yaml:"reject"`
	Quarantine     dmarcAction     `yaml:"quarantine"`
	None           dmarcAction     `yaml:"none"`
	TempError      dmarcAction     `yaml:"temperror"`
	PermError      dmarcAction     `yaml:"permerror"`
	Field          yamlconf.Word   `yaml:"field"`
	DryRun         bool            `yaml:"dry_run"`
	Forwarders     []forwarder     `yaml:"forwarders"`
	TrustedSealers []yamlconf.Word `yaml:"trusted_sealers"`
}

type dmarcAction struct{ dmarc.Action }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *dmarcAction) UnmarshalYAML(n *yaml.Node) (err error) {
	v.Action, err = dmarc.ParseAction(n.Value)
	return err
}

// forwarder is an item of the list forwarders.
type forwarder struct {
	yamlconf.Position
	forwarderFile
}

type forwarderFile struct {
	Networks    []yamlconf.Network `yaml:"networks"`
	Domains     []string           `yaml:"domains"`
	Authors     []string           `yaml:"authors"`
	MailingList bool               `yaml:"mailing_list"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (f *forwarder) UnmarshalYAML(n *yaml.Node) error {
	f.Position = yamlconf.At(n)
	return yamlconf.Decode(n, &f.forwarderFile)
}

func (f *forwarderFile) config() dmarc.Forwarder {
	return dmarc.Forwarder{
		Networks: yamlconf.Prefixes(f.Networks), Domains: f.Domains, Authors: f.Authors, MailingList: f.MailingList,
	}
}

func (f *dmarcFile) config() dmarc.Config {
	return dmarc.Config{
		Actions: dmarc.Actions{
			Reject: f.Reject.Action, Quarantine: f.Quarantine.Action, None: f.None.Action,
			TempError: f.TempError.Action, PermError: f.PermError.Action,
		},
		Field: f.Field.Text, DryRun: f.DryRun, TrustedSealers: yamlconf.Texts(f.TrustedSealers),
		Forwarders: lo.Map(f.Forwarders, func(f forwarder, _ int) dmarc.Forwarder { return f.config() }),
	}
}

// check returns the mistakes of which the place is known.
func (f *dmarcFile) check() error {
	var errs []error
	if f.Field.Text != "" {
		errs = append(errs, f.Field.Wrong(message.CheckFieldName(f.Field.Text)))
	}
	for i := range f.Forwarders {
		if one := &f.Forwarders[i]; len(one.Networks)+len(one.Domains) == 0 {
			errs = append(errs, one.Wrong(errors.New("a forwarder needs networks or domains: without them any host would be one")))
		}
	}
	for _, sealer := range f.TrustedSealers {
		if err := dkim.CheckNames("selector", sealer.Text); err != nil {
			errs = append(errs, sealer.Wrong(fmt.Errorf("%q is not a domain", sealer.Text)))
		}
	}
	return errors.Join(errs...)
}
