package dkimfile

import (
	"crypto"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// load loads the private keys and returns them by name.
func (list Keys) load(in Folder) (map[string]dkim.Key, error) {
	keys := make(map[string]dkim.Key, len(list))
	var errs []error
	for i := range list {
		k := &list[i]
		if _, there := keys[k.Name.Text]; there || k.Name.Text == "" {
			errs = append(errs, k.at().Wrong(fmt.Errorf("a key's name, %q, is empty or used twice", k.Name.Text)))
			continue
		}
		key, err := k.load(in)
		errs = append(errs, err)
		keys[k.Name.Text] = key
	}
	return keys, errors.Join(errs...)
}

// at returns the place of the key: that of its name, of another setting if it has none, or of
// the whole.
func (k *Key) at() yamlconf.Position {
	for _, word := range []yamlconf.Word{k.Name, k.Domain, k.Selector, k.File} {
		if word.Line > 0 {
			return word.Position
		}
	}
	return k.position
}

func (k *Key) load(in Folder) (dkim.Key, error) {
	key := dkim.Key{Domain: k.Domain.Text, Selector: k.Selector.Text, Since: k.Since.Time, Until: k.Until.Time}
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
	case k.Selector.Text == "" || k.Domain.Text == "" || k.File.Text == "":
		errs = append(errs, k.Name.Wrong(errors.New("a key needs a domain, a selector and a file")))
	case k.Domain.Text == "%":
		errs = append(errs, k.Selector.Wrong(dkim.CheckNames(k.Selector.Text, "example.org")))
	default:
		errs = append(errs, k.Domain.Wrong(dkim.CheckNames(k.Selector.Text, k.Domain.Text)))
	}
	if k.File.Text == "" {
		return key, errors.Join(errs...)
	}
	var err error
	key.Signer, err = LoadKey(in.File(k.File.Text), k.AllowReadable)
	if err = errors.Join(append(errs, k.File.Wrong(err))...); err != nil {
		return key, err
	}
	anyone := dkim.Rule{Senders: []string{"*"}, Keys: []dkim.Key{key}, ThirdParty: true}
	return key, k.Name.Wrong(checkSigning(dkim.Signing{Rules: []dkim.Rule{anyone}}))
}

// LoadKey reads a private key from a file. With allowReadable, others may read the file, too.
func LoadKey(path string, allowReadable bool) (crypto.Signer, error) {
	if allowReadable {
		return dkim.LoadKey(path, dkim.AllowReadable())
	}
	return dkim.LoadKey(path)
}
