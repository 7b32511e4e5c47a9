package dmarc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/printable"
)

// Policy is what the owner of a domain wants to be done with mail that fails DMARC.
type Policy string

// Values of Policy, from the mildest to the strictest. The empty Policy means that there is
// none.
const (
	PolicyNone       Policy = "none"
	PolicyQuarantine Policy = "quarantine"
	PolicyReject     Policy = "reject"
)

// milder returns the policy one step below, as the tag t=y demands it.
func (p Policy) milder() Policy {
	if p == PolicyReject {
		return PolicyQuarantine
	}
	return PolicyNone
}

// Mode is how the author domain and an authenticated domain are compared.
type Mode string

// Values of Mode.
const (
	// Relaxed demands the same organizational domain.
	Relaxed Mode = "r"
	// Strict demands the same domain.
	Strict Mode = "s"
)

// PSD says whether a domain is a public suffix, below which others register domains.
type PSD string

// Values of PSD.
const (
	// PSDUnknown is the default: the domain is no public suffix, but perhaps not the
	// organizational domain either.
	PSDUnknown PSD = "u"
	// PSDYes is for a public suffix.
	PSDYes PSD = "y"
	// PSDNo is for an organizational domain.
	PSDNo PSD = "n"
)

// Record is a DMARC policy record (RFC 9989 section 4.7). Fields that are named after a tag
// have its value, or its default.
type Record struct {
	// Policy, SubdomainPolicy and NonexistentPolicy are the tags p, sp and np.
	// SubdomainPolicy and NonexistentPolicy are empty if the record does not have the tag.
	// If one of the three tags is not valid, or p is missing, Policy is PolicyNone and the
	// two others are empty (section 4.10.1).
	Policy, SubdomainPolicy, NonexistentPolicy Policy
	// Usable is false if the record has no effect on mail: one of the tags p, sp and np is
	// not valid, or p is missing, and rua has no valid URI (section 4.10.1). Such a record
	// still takes part in a tree walk.
	Usable bool
	// PSD is the tag psd.
	PSD PSD
	// Testing is the tag t: whether the domain tests its policy. Then the policy that
	// applies is one step milder.
	Testing bool
	// DKIM and SPF are the tags adkim and aspf.
	DKIM, SPF Mode
	// Aggregate and Failure are the valid URIs of the tags rua and ruf, without the
	// obsolete limits of size. Of each, 20 are kept.
	Aggregate, Failure []string
	// FailureOptions are the values of the tag fo: "0", "1", "d" and "s". Without a
	// valid URI in ruf, they are the default, which is "0".
	FailureOptions []string
	// Problems are sentences about mistakes in the record, for its owner. At most ten are
	// kept. Unknown tags are no mistakes.
	Problems []string
}

// ErrRecord is the error of [ParseRecord] for a text that is not a DMARC record. A domain may
// have such texts: they are ignored.
var ErrRecord = errors.New("dmarc: not a DMARC record")

// ParseRecord parses the text of a TXT record with its strings joined. The text is a DMARC
// record if it begins with the tag v=DMARC1. Otherwise the error matches [ErrRecord]. Nothing
// else is an error: what follows is ignored if it is malformed or unknown, and tags get their
// defaults (RFC 9989 section 4.8). If a tag occurs twice, the first one counts.
//
// Names of tags, and values that are keywords, are compared without case.
func ParseRecord(text string) (*Record, error) {
	if err := checkVersion(text); err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(text, ";")
	tags := &tagList{values: make(map[string]string)}
	for tag := range strings.SplitSeq(rest, ";") {
		tags.add(tag)
	}
	return tags.record(), nil
}

// checkVersion returns an error if a text does not begin with the tag v=DMARC1. It does not
// search the text beyond maxVersion: a name may have many texts, and long ones.
func checkVersion(text string) error {
	tag, _, _ := strings.Cut(text[:min(len(text), maxVersion)], ";")
	name, value, ok := cutTag(tag)
	switch {
	case !ok || !strings.EqualFold(name, "v"):
		return fmt.Errorf("%w: it does not begin with v=DMARC1", ErrRecord)
	case value == version:
		return nil
	case strings.EqualFold(value, version):
		return fmt.Errorf("%w: write DMARC1 in upper case", ErrRecord)
	case strings.HasPrefix(value, version):
		return fmt.Errorf("%w: a semicolon must follow v=DMARC1", ErrRecord)
	default:
		return fmt.Errorf("%w: the version is not DMARC1", ErrRecord)
	}
}

// maxVersion is where the version of a record must end, in bytes: the blanks in it could be
// many.
const maxVersion = 256

// version is the only value of the tag v.
const version = "DMARC1"

// blanks are what may surround names and values. The grammar has spaces and tabs; some
// programs leave a line end in the record.
const blanks = " \t\r\n"

// cutTag returns the name and the value of a tag, without the blanks around them.
func cutTag(tag string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(tag, "=")
	return strings.Trim(name, blanks), strings.Trim(value, blanks), ok
}

// tagList collects the tags of a record.
type tagList struct {
	values   map[string]string // the known tags
	problems []string
}

// maxProblems limits the sentences about a record, which a sender may have written.
const maxProblems = 10

func (l *tagList) problem(format string, args ...any) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}

// add keeps a tag if it is known.
func (l *tagList) add(tag string) {
	name, value, ok := cutTag(tag)
	if !ok && name != "" {
		l.problem("%s is no tag: it has no =.", quoted(name))
	}
	name = strings.ToLower(name)
	switch {
	case !ok:
	case slices.Contains([]string{"pct", "rf", "ri"}, name):
		l.problem("The tag %s has no meaning any more (RFC 9989) and is ignored.", name)
	case !slices.Contains(knownTags(), name):
	default:
		if _, twice := l.values[name]; twice {
			l.problem("The tag %s occurs more than once: the first one counts.", name)
			return
		}
		l.values[name] = value
	}
}

func knownTags() []string {
	return []string{"p", "sp", "np", "psd", "t", "adkim", "aspf", "fo", "rua", "ruf"}
}

// record returns the record with the tags.
func (l *tagList) record() *Record {
	r := &Record{
		PSD:            PSD(l.keyword("psd", "u", "y", "n")),
		Testing:        l.keyword("t", "n", "y") == "y",
		DKIM:           Mode(l.keyword("adkim", "r", "s")),
		SPF:            Mode(l.keyword("aspf", "r", "s")),
		Aggregate:      l.uris("rua"),
		Failure:        l.uris("ruf"),
		FailureOptions: []string{"0"},
	}
	if len(r.Failure) > 0 { // without it, fo is ignored
		r.FailureOptions = l.failureOptions()
	}
	var policies [3]Policy
	valid := true
	for i, name := range []string{"p", "sp", "np"} {
		var ok bool
		policies[i], ok = l.policy(name)
		valid = valid && ok
	}
	r.Policy, r.SubdomainPolicy, r.NonexistentPolicy = policies[0], policies[1], policies[2]
	r.Usable = valid || len(r.Aggregate) > 0
	if !valid {
		r.Policy, r.SubdomainPolicy, r.NonexistentPolicy = PolicyNone, "", ""
	}
	r.Problems = l.problems
	return r
}

// policy returns the value of p, sp or np, and whether the record is valid as far as this tag
// is concerned.
func (l *tagList) policy(name string) (Policy, bool) {
	value, ok := l.values[name]
	if !ok {
		if name == "p" {
			l.problem("The tag p is missing: write p=none, p=quarantine or p=reject.")
		}
		return "", name != "p"
	}
	p := Policy(strings.ToLower(value))
	if p == PolicyNone || p == PolicyQuarantine || p == PolicyReject {
		return p, true
	}
	l.problem("The tag %s has the value %s: it must be none, quarantine or reject.", name, quoted(value))
	return "", false
}

// keyword returns the value of a tag in lower case if it is one of the words, or otherwise the
// default, which is the first word.
func (l *tagList) keyword(name string, words ...string) string {
	value, ok := l.values[name]
	if !ok {
		return words[0]
	}
	if word := strings.ToLower(value); slices.Contains(words, word) {
		return word
	}
	l.problem("The tag %s has the value %s: it must be %s. The default %s applies.", name, quoted(value), strings.Join(words, " or "), words[0])
	return words[0]
}

// failureOptions returns the values of the tag fo.
func (l *tagList) failureOptions() []string {
	value, ok := l.values["fo"]
	if !ok {
		return []string{"0"}
	}
	var options []string
	for option := range strings.SplitSeq(strings.ToLower(value), ":") {
		option = strings.Trim(option, blanks)
		bad := !slices.Contains([]string{"0", "1", "d", "s"}, option) || slices.Contains(options, option) ||
			option == "0" && slices.Contains(options, "1") || option == "1" && slices.Contains(options, "0")
		if bad {
			l.problem("The tag fo has the value %s: it must be 0 or 1, with d or s behind a colon. The default 0 applies.", quoted(value))
			return []string{"0"}
		}
		options = append(options, option)
	}
	return options
}

// maxURIs limits the URIs of a tag that are kept. A message may need a hundred records, whose
// text is shared with the resolver's cache, and the list is not.
const maxURIs = 20

// uris returns the valid URIs of the tag rua or ruf.
func (l *tagList) uris(name string) []string {
	value, ok := l.values[name]
	if !ok {
		return nil
	}
	var valid []string
	for uri := range strings.SplitSeq(value, ",") {
		if len(valid) == maxURIs {
			l.problem("The tag %s has more than %d addresses: the others are ignored.", name, maxURIs)
			break
		}
		uri = strings.Trim(uri, blanks)
		if without := withoutSize(uri); isURI(without) {
			valid = append(valid, without)
			continue
		}
		l.problem("The tag %s has the address %s, which is no URI: write mailto: before an address.", name, quoted(uri))
	}
	return valid
}

// quoted returns a text that a sender wrote, short and safe to display.
func quoted(text string) string { return `"` + printable.Short(text, maxQuoted) + `"` }

// maxQuoted limits a quoted text, in bytes.
const maxQuoted = 60
