package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// file is the content of a configuration file. README.md describes each setting.
type file struct {
	Mode       word          `yaml:"mode"`
	DryRun     bool          `yaml:"dry_run"`
	Metrics    address       `yaml:"metrics"`
	AuthservID word          `yaml:"authserv_id"`
	AlsoRemove []word        `yaml:"also_remove"`
	Relays     []network     `yaml:"relays"`
	Trust      trustFile     `yaml:"trust"`
	Keys       []keyFile     `yaml:"keys"`
	Signing    signingFile   `yaml:"signing"`
	Verifying  verifyingFile `yaml:"verifying"`
	DNS        dnsFile       `yaml:"dns"`
}

type trustFile struct {
	Networks      []network         `yaml:"networks"`
	Except        []network         `yaml:"except"`
	HostsFile     word              `yaml:"hosts_file"`
	Authenticated *bool             `yaml:"authenticated"`
	OwnDomain     bool              `yaml:"own_domain"`
	Macros        map[string]values `yaml:"macros"`
}

type keyFile struct {
	Name          word   `yaml:"name"`
	Domain        word   `yaml:"domain"`
	Selector      word   `yaml:"selector"`
	File          word   `yaml:"file"`
	AllowReadable bool   `yaml:"allow_readable"`
	Identity      string `yaml:"identity"`
	Since         date   `yaml:"since"`
	Until         date   `yaml:"until"`
}

type signingFile struct {
	Rules            []ruleFile   `yaml:"rules"`
	AllRules         bool         `yaml:"all_rules"`
	OpenDKIM         openDKIMFile `yaml:"opendkim"`
	ExceptRecipients []word       `yaml:"except_recipients"`
	Headers          []word       `yaml:"headers"`
	Oversign         []word       `yaml:"oversign"`
	Canonicalization canonical    `yaml:"canonicalization"`
	Lifetime         duration     `yaml:"lifetime"`
	Timestamp        *bool        `yaml:"timestamp"`
	CheckDNS         bool         `yaml:"check_dns"`
}

type ruleFile struct {
	Senders    words `yaml:"senders"`
	Keys       words `yaml:"keys"`
	ThirdParty bool  `yaml:"third_party"`
}

type openDKIMFile struct {
	KeyTable      word `yaml:"key_table"`
	SigningTable  word `yaml:"signing_table"`
	ThirdParty    bool `yaml:"third_party"`
	AllowReadable bool `yaml:"allow_readable"`
}

type verifyingFile struct {
	Timeout       duration            `yaml:"timeout"`
	MaxSignatures count               `yaml:"max_signatures"`
	MinBits       count               `yaml:"min_bits"`
	BodyLength    bodyLength          `yaml:"body_length"`
	Skew          duration            `yaml:"skew"`
	Policies      map[word]policyFile `yaml:"policies"`
}

type policyFile struct {
	Unsigned  action `yaml:"unsigned"`
	Fail      action `yaml:"fail"`
	TempError action `yaml:"temperror"`
}

// position is the line and column of a value in its file.
type position struct{ line, column int }

func positionOf(n *yaml.Node) position { return position{n.Line, n.Column} }

// mistake is an error about the value at a position of a configuration file.
type mistake struct {
	position
	err error
}

// Error implements error.
func (m *mistake) Error() string { return fmt.Sprintf("%d:%d: %v", m.line, m.column, m.err) }

// Unwrap returns the cause.
func (m *mistake) Unwrap() error { return m.err }

// wrong returns an error as a mistake at the position, and nil for nil.
func (p position) wrong(err error) error {
	if err == nil {
		return nil
	}
	return &mistake{p, err}
}

// fileError is an error about a configuration file.
type fileError struct {
	path string
	err  error
}

// Error implements error. Each line begins with the file's name and, if the error
// is about a place, the line and the column.
func (e *fileError) Error() string {
	start, text := e.path+": ", e.err.Error()
	if m := (*mistake)(nil); errors.As(e.err, &m) {
		start, text = fmt.Sprintf("%s:%d:%d: ", e.path, m.line, m.column), m.err.Error()
	}
	return start + strings.ReplaceAll(text, "\n", "\n"+start)
}

// Unwrap returns the cause.
func (e *fileError) Unwrap() error { return e.err }

// These are the types of values that YAML does not have. A word is a text that
// remembers its position, so that an error can name it.
type (
	word struct {
		text string
		position
	}
	words struct {
		list []word
		position
	}
	values struct { // of a macro; nil means any value
		list []string
		position
	}
	network  struct{ prefix netip.Prefix }
	address  struct{ text string }
	date     struct{ time.Time }
	duration struct {
		time.Duration
		position
	}
	count struct {
		n int
		position
	}
	canonical  struct{ header, body dkim.Canonicalization }
	bodyLength struct{ dkim.BodyLength }
	action     struct{ dkim.Action }
)

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *word) UnmarshalYAML(n *yaml.Node) error {
	w.position = positionOf(n)
	return n.Decode(&w.text)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *words) UnmarshalYAML(n *yaml.Node) error {
	w.position = positionOf(n)
	return n.Decode(&w.list)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *values) UnmarshalYAML(n *yaml.Node) error {
	v.position = positionOf(n)
	if n.Kind == yaml.ScalarNode {
		return errors.New("want a list of values such as [ORIGINATING], or nothing for any value")
	}
	return n.Decode(&v.list)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *network) UnmarshalYAML(n *yaml.Node) error {
	p, err := netip.ParsePrefix(n.Value)
	if addr, addrErr := netip.ParseAddr(n.Value); addrErr == nil && addr.Zone() == "" {
		p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		return errors.New("want an address or a network such as 192.0.2.0/24")
	}
	v.prefix = p.Masked()
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *address) UnmarshalYAML(n *yaml.Node) error {
	v.text = n.Value
	return monitor.CheckAddress(n.Value)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *date) UnmarshalYAML(n *yaml.Node) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, n.Value); err == nil {
			v.Time = t
			return nil
		}
	}
	return errors.New("want a date such as 2026-01-31, in UTC, or 2026-01-31T12:00:00Z")
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *duration) UnmarshalYAML(n *yaml.Node) (err error) {
	v.position = positionOf(n)
	if v.Duration, err = time.ParseDuration(n.Value); err != nil || v.Duration <= 0 {
		return errors.New("want a duration such as 10s, 15m or 168h")
	}
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *count) UnmarshalYAML(n *yaml.Node) error {
	v.position = positionOf(n)
	return n.Decode(&v.n)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *canonical) UnmarshalYAML(n *yaml.Node) (err error) {
	v.header, v.body, err = parseCanonical(n.Value)
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

// maxFile is the largest size, in bytes, of a file that dkimd reads into memory.
const maxFile = 16 << 20

// readFile reads a regular file of at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	text, _, err := configfile.Read(path, maxFile)
	return text, err
}

// byteOrderMark is what some editors write at the beginning of a text in UTF-8.
// The YAML package ignores it.
const byteOrderMark = "\ufeff"

// parse parses the text of a configuration file. The error has one line for each
// mistake, which begins with the file's name, the line and the column.
func parse(path string, text []byte) (*file, error) {
	var f file
	if len(bytes.TrimSpace(bytes.TrimPrefix(text, []byte(byteOrderMark)))) == 0 {
		return nil, fmt.Errorf("%s:1:1: the file is empty", path)
	}
	if err := yaml.Load(text, &f, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return nil, located(path, err)
	}
	return &f, nil
}

// located puts the file's name, the line and the column before each of the YAML
// package's errors.
func located(path string, err error) error {
	var (
		many   *yaml.LoadErrors
		single *yaml.LoadError
		errs   []error
	)
	switch {
	case errors.As(err, &many):
		for _, e := range many.Errors {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %s", path, max(1, e.Mark.Line), max(1, e.Mark.Column), plainMessage(e.Message)))
		}
	case errors.As(err, &single):
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", path, max(1, single.Mark.Line), max(1, single.Mark.Column), single.Message))
	default:
		errs = append(errs, fmt.Errorf("%s: %w", path, err))
	}
	return errors.Join(errs...)
}

var unknownField = regexp.MustCompile(`^field (.*) not found in type .*$`)

// plainMessage returns a message of the YAML package without the names of Go
// types, which mean nothing to the user.
func plainMessage(message string) string {
	if m := unknownField.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("unknown setting %q", m[1])
	}
	message = strings.ReplaceAll(message, "yaml: ", "")
	if what, _, ok := strings.Cut(message, " into "); ok && strings.HasPrefix(what, "cannot construct ") {
		return "wrong kind of value: " + strings.TrimPrefix(what, "cannot construct ")
	}
	return message
}
