package main

import (
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/dkimfile"
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// file is the content of a configuration file. README.md describes each setting.
type file struct {
	Mode       yamlconf.Word      `yaml:"mode"`
	DryRun     bool               `yaml:"dry_run"`
	Metrics    yamlconf.Address   `yaml:"metrics"`
	Inspect    yamlconf.Raw       `yaml:"inspect"`
	AuthservID yamlconf.Word      `yaml:"authserv_id"`
	AlsoRemove []yamlconf.Word    `yaml:"also_remove"`
	Relays     []yamlconf.Network `yaml:"relays"`
	Trust      dkimfile.Trust     `yaml:"trust"`
	Keys       dkimfile.Keys      `yaml:"keys"`
	Signing    dkimfile.Signing   `yaml:"signing"`
	Verifying  dkimfile.Verifying `yaml:"verifying"`
	DNS        dnsFile            `yaml:"dns"`
}

// workingFolder is where the files are whose names in the configuration are relative.
const workingFolder dkimfile.Folder = ""

// dnsFile is the section dns.
type dnsFile struct {
	dnsfile.Section `yaml:",inline"`

	Records yamlconf.Word `yaml:"records"`
}

// resolver returns what looks up the keys.
func (d *dnsFile) resolver() (dkim.Resolver, error) {
	if d.Records.Text != "" {
		r, err := readRecords(d.Records.Text)
		return r, d.Records.Wrong(err)
	}
	r, err := d.Resolver()
	if err != nil {
		return nil, err
	}
	return r, nil
}
