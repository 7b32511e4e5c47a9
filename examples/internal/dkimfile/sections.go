package dkimfile

import (
	"errors"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// Folder is where files are looked for whose names in a configuration are relative. The
// empty folder is the working directory of the process.
type Folder string

// File returns the path of a file that a configuration names. It is "" for "".
func (f Folder) File(name string) string {
	if name == "" || f == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(string(f), name)
}

// table is like File for the name of a table of OpenDKIM, which may begin with the kind of
// the table.
func (f Folder) table(name string) string {
	if kind, rest, ok := strings.Cut(name, ":"); ok && (kind == "file" || kind == "refile") {
		return kind + ":" + f.File(rest)
	}
	return f.File(name)
}

// Trust is the section trust: whose mail is signed.
type Trust struct {
	Networks      []yamlconf.Network `yaml:"networks"`
	Except        []yamlconf.Network `yaml:"except"`
	HostsFile     yamlconf.Word      `yaml:"hosts_file"`
	Authenticated *bool              `yaml:"authenticated"`
	OwnDomain     bool               `yaml:"own_domain"`
	Macros        map[string]values  `yaml:"macros"`
}

// Keys is the list keys.
type Keys []Key

// Key is a private key for signing.
type Key struct {
	Name          yamlconf.Word `yaml:"name"`
	Domain        yamlconf.Word `yaml:"domain"`
	Selector      yamlconf.Word `yaml:"selector"`
	File          yamlconf.Word `yaml:"file"`
	AllowReadable bool          `yaml:"allow_readable"`
	Identity      string        `yaml:"identity"`
	Since         yamlconf.Date `yaml:"since"`
	Until         yamlconf.Date `yaml:"until"`

	position yamlconf.Position
}

// Signing is the section signing.
type Signing struct {
	Rules            []Rule            `yaml:"rules"`
	AllRules         bool              `yaml:"all_rules"`
	OpenDKIM         OpenDKIM          `yaml:"opendkim"`
	ExceptRecipients []yamlconf.Word   `yaml:"except_recipients"`
	Headers          []yamlconf.Word   `yaml:"headers"`
	Oversign         []yamlconf.Word   `yaml:"oversign"`
	Canonicalization canonical         `yaml:"canonicalization"`
	Lifetime         yamlconf.Duration `yaml:"lifetime"`
	Timestamp        *bool             `yaml:"timestamp"`
	CheckDNS         bool              `yaml:"check_dns"`
	Optional         bool              `yaml:"optional"`
}

// Rule says with which keys the mail of some senders is signed.
type Rule struct {
	Senders    yamlconf.Words `yaml:"senders"`
	Keys       yamlconf.Words `yaml:"keys"`
	ThirdParty bool           `yaml:"third_party"`

	position yamlconf.Position
}

// OpenDKIM names the tables of OpenDKIM.
type OpenDKIM struct {
	KeyTable      yamlconf.Word `yaml:"key_table"`
	SigningTable  yamlconf.Word `yaml:"signing_table"`
	ThirdParty    bool          `yaml:"third_party"`
	AllowReadable bool          `yaml:"allow_readable"`
}

// Verifying is the section verifying.
type Verifying struct {
	Optional      wish                     `yaml:"optional"`
	Timeout       yamlconf.Duration        `yaml:"timeout"`
	MaxSignatures yamlconf.Count           `yaml:"max_signatures"`
	MinBits       yamlconf.Count           `yaml:"min_bits"`
	BodyLength    bodyLength               `yaml:"body_length"`
	Skew          yamlconf.Duration        `yaml:"skew"`
	Policies      map[yamlconf.Word]Policy `yaml:"policies"`
}

// Policy says what happens to mail of an author domain.
type Policy struct {
	Unsigned  action `yaml:"unsigned"`
	Fail      action `yaml:"fail"`
	TempError action `yaml:"temperror"`
}

// These are the types of values that only these sections have.
type (
	values struct { // of a macro; nil means any value
		list []string
		yamlconf.Position
	}
	canonical  struct{ header, body dkim.Canonicalization }
	bodyLength struct{ dkim.BodyLength }
	wish       struct {
		set bool
		yamlconf.Position
	}
	action struct{ dkim.Action }
)

// UnmarshalYAML implements [yaml.Unmarshaler]. It keeps the position for errors about what is
// missing.
func (k *Key) UnmarshalYAML(n *yaml.Node) error {
	type plain Key
	k.position = yamlconf.At(n)
	return yamlconf.Decode(n, (*plain)(k))
}

// UnmarshalYAML implements [yaml.Unmarshaler]. It keeps the position for errors about what is
// missing.
func (r *Rule) UnmarshalYAML(n *yaml.Node) error {
	type plain Rule
	r.position = yamlconf.At(n)
	return yamlconf.Decode(n, (*plain)(r))
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *values) UnmarshalYAML(n *yaml.Node) error {
	v.Position = yamlconf.At(n)
	if n.Kind == yaml.ScalarNode {
		return errors.New("want a list of values such as [ORIGINATING], or nothing for any value")
	}
	return yamlconf.Decode(n, &v.list)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *wish) UnmarshalYAML(n *yaml.Node) error {
	w.Position = yamlconf.At(n)
	return n.Decode(&w.set)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *canonical) UnmarshalYAML(n *yaml.Node) (err error) {
	v.header, v.body, err = ParseCanonicalization(n.Value)
	return err
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *bodyLength) UnmarshalYAML(n *yaml.Node) error {
	switch n.Value {
	case "exact":
		v.BodyLength = dkim.BodyLengthExact
	case "refuse":
		v.BodyLength = dkim.BodyLengthRefuse
	case "accept":
		v.BodyLength = dkim.BodyLengthAccept
	default:
		return errors.New("want exact, refuse or accept")
	}
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *action) UnmarshalYAML(n *yaml.Node) (err error) {
	v.Action, err = dkim.ParseAction(n.Value)
	return err
}
