package dkimfile

import (
	"errors"
	"maps"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dkim/tables"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// Trust returns the configuration. The names of files are relative to a folder. The error
// joins a [*yamlconf.PlaceError] for each mistake.
func (t *Trust) Trust(in Folder) (dkim.Trust, error) {
	trust := dkim.Trust{
		Networks: yamlconf.Prefixes(t.Networks), Except: yamlconf.Prefixes(t.Except),
		NotAuthenticated: t.Authenticated != nil && !*t.Authenticated, OwnDomain: t.OwnDomain,
	}
	if t.Macros != nil {
		trust.Macros = make(map[string][]string, len(t.Macros))
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(t.Macros)) {
		values := t.Macros[name]
		errs = append(errs, values.Wrong(dkim.CheckMacro(name, values.list)))
		trust.Macros[name] = values.list
	}
	if t.HostsFile.Text == "" {
		return trust, errors.Join(errs...)
	}
	hosts, err := tables.ReadHosts(in.File(t.HostsFile.Text))
	trust.Networks = append(append([]netip.Prefix{}, trust.Networks...), hosts.Networks...) // not nil, even if the file has no networks
	trust.Except = append(trust.Except, hosts.Except...)
	return trust, errors.Join(append(errs, t.HostsFile.Wrong(err))...)
}
