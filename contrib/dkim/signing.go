package dkim

import (
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// signing is the compiled form of [Signing].
type signing struct {
	rules    rules
	list     []signRule
	excepted rules
	headers  []string
	lower    []string // headers in lower case
	oversign map[string]bool
	header   canon.Method
	body     canon.Method
	lifetime time.Duration
	noTime   bool
	all      bool
	resolver Resolver
	now      func() time.Time
}

type signRule struct {
	keys       []*signKey
	thirdParty bool
}

func (m Canonicalization) method() canon.Method {
	if m == Simple {
		return canon.Simple
	}
	return canon.Relaxed
}

func newSigning(c *Signing, now func() time.Time) (*signing, error) {
	s := &signing{
		rules: newRules(), excepted: newRules(), all: c.AllRules,
		headers: signedNames(c), oversign: make(map[string]bool), header: c.Header.method(), body: c.Body.method(),
		lifetime: c.Lifetime, noTime: c.NoTime, resolver: c.Resolver, now: now,
	}
	for _, name := range s.headers {
		s.lower = append(s.lower, signed.LowerName(name))
	}
	over := c.Oversign
	if over == nil {
		over = DefaultOversign()
	}
	for _, name := range over {
		s.oversign[signed.LowerName(name)] = true
	}
	var errs []error
	for _, name := range slices.Concat(s.headers, over) {
		errs = append(errs, checkSigned(name))
	}
	if c.Lifetime < 0 || 0 < c.Lifetime && c.Lifetime < time.Second {
		errs = append(errs, errors.New("the lifetime is negative or less than a second"))
	}
	for i := range c.Rules {
		errs = append(errs, s.addRule(&c.Rules[i]))
	}
	for i, pattern := range c.ExceptRecipients {
		if err := CheckSender(pattern); err != nil {
			errs = append(errs, fmt.Errorf("the recipient %w", err))
			continue
		}
		s.excepted.add(i, pattern)
	}
	return s, errors.Join(errs...)
}

// signedNames returns the names of the fields to sign, without duplicates. The
// names include From, which is always signed, and the oversigned fields.
func signedNames(c *Signing) []string {
	names := c.Headers
	if names == nil {
		names = DefaultHeaders()
	}
	seen := make(map[string]bool)
	var out []string
	for _, name := range slices.Concat([]string{fromField}, names, c.Oversign) {
		if lower := signed.LowerName(name); !seen[lower] {
			seen[lower] = true
			out = append(out, name)
		}
	}
	return out
}

// checkSigned returns an error for an invalid field name and for a field that
// must not be signed because it changes in transit (RFC 6376 section 5.4 and
// RFC 8601 section 5).
func checkSigned(name string) error {
	switch signed.LowerName(name) {
	case "return-path", "received", "comments", "keywords", "bcc", "resent-bcc",
		signed.LowerName(signatureField), signed.LowerName(resultsField):
		return fmt.Errorf("the header field %q must not be signed", name)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' || c == ';' {
			return fmt.Errorf("%q is not a valid header field name", name)
		}
	}
	if name == "" {
		return errors.New("the name of a header field is empty")
	}
	return nil
}

func (s *signing) addRule(rule *Rule) error {
	number := len(s.list)
	if len(rule.Senders) == 0 || len(rule.Keys) == 0 {
		return fmt.Errorf("rule %d has no sender or no key", number+1)
	}
	compiled := signRule{thirdParty: rule.ThirdParty}
	for _, pattern := range rule.Senders {
		if err := CheckSender(pattern); err != nil {
			return fmt.Errorf("rule %d: the sender %w", number+1, err)
		}
		s.rules.add(number, pattern)
	}
	for i := range rule.Keys {
		k, err := newSignKey(&rule.Keys[i])
		if err != nil {
			return fmt.Errorf("rule %d, key %d: %w", number+1, i+1, err)
		}
		compiled.keys = append(compiled.keys, k)
	}
	s.list = append(s.list, compiled)
	return nil
}

// candidates returns the keys that may sign for the authors of a message, in
// the order of the rules. It returns none unless the same keys sign for all
// authors. It omits keys that are not valid now, and keys of other domains
// unless the rule allows them.
func (s *signing) candidates(from []string) []*signKey {
	if len(from) == 0 {
		return nil
	}
	rules := s.rulesFor(from[0])
	for _, author := range from[1:] {
		if !s.sameKeys(s.rulesFor(author), rules) {
			return nil
		}
	}
	now := s.now()
	var keys []*signKey
	for _, n := range rules {
		for _, k := range s.list[n].keys {
			if k.isValid(now) && k.maySignFor(from, s.list[n].thirdParty) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// sameKeys reports whether two lists of rules have the same keys in the same
// order, and allow the same of them for third parties.
func (s *signing) sameKeys(a, b []int) bool {
	type use struct {
		domain, selector, identity string
		thirdParty                 bool
	}
	uses := func(rules []int) (all []use) {
		for _, n := range rules {
			for _, k := range s.list[n].keys {
				all = append(all, use{k.Domain, k.Selector, k.Identity, s.list[n].thirdParty})
			}
		}
		return all
	}
	return slices.Equal(a, b) || slices.Equal(uses(a), uses(b))
}

// whyNot returns why there are no candidates for authors. It returns "" if no rule names
// any of them.
func (s *signing) whyNot(from []string) string {
	named := 0
	for _, author := range from {
		if len(s.rulesFor(author)) > 0 {
			named++
		}
	}
	switch {
	case named == 0:
		return ""
	case named < len(from):
		return "no rule names one of its authors"
	case len(from) > 1:
		return "no rule has a key for all its authors at this time"
	default:
		return "the rule has no key for the author's domain at this time"
	}
}

// rulesFor returns the numbers of the rules that apply to an author.
func (s *signing) rulesFor(author string) []int {
	found := s.rules.find(author)
	if s.all {
		return found
	}
	return found[:min(1, len(found))]
}

// excepts reports whether a recipient matches one of the patterns of
// Signing.ExceptRecipients.
func (s *signing) excepts(recipients []string) bool {
	return slices.ContainsFunc(recipients, func(to string) bool { return len(s.excepted.find(asciiAddress(to))) > 0 })
}

// sign returns the values of the signature fields, one for each key. method is the
// canonicalization of the header. A value does not include the space after the colon. Its
// lines are separated by LF.
func (s *signing) sign(method canon.Method, keys []*signKey, fields []Field, from string, body *signed.BodyHash) ([]string, error) {
	x := signed.NewIndex(fields)
	names := s.names(x)
	header := signed.NewHeaderHash(method)
	header.AddNamed(fields, x, names, signed.NoField)
	values := make([]string, len(keys))
	for i, k := range keys {
		value := s.unsigned(method, k, from, names, body.Sum[:])
		digest, err := header.Sum(signatureField, " "+value)
		if err != nil {
			return nil, err
		}
		data, err := signed.Sign(k.Signer, digest)
		if err != nil {
			return nil, fmt.Errorf("dkim: signing for %s with %s: %w", k.domainFor(from), k.Selector, err)
		}
		values[i] = value + signed.FoldBase64(data, maxLine, indent)
	}
	return values, nil
}

// names returns the names for the h= tag. Each name appears once for each field
// with that name, and once more if the name is oversigned.
func (s *signing) names(x signed.Index) []string {
	names := make([]string, 0, len(s.headers))
	for i, name := range s.headers {
		n := len(x[s.lower[i]])
		if s.oversign[s.lower[i]] {
			n++
		}
		for range n {
			names = append(names, name)
		}
	}
	return names
}

// keepPublished marks the keys that were found in the DNS for an earlier
// configuration. The filter then keeps signing with them if the DNS does not
// answer after a reload.
func (s *signing) keepPublished(earlier *signing) {
	seen := make(map[string]crypto.PublicKey)
	for _, rule := range earlier.list {
		for _, k := range rule.keys {
			if k.published.Load() {
				seen[RecordName(k.Selector, k.Domain)] = k.Signer.Public()
			}
		}
	}
	for _, rule := range s.list {
		for _, k := range rule.keys {
			k.published.Store(sameKey(k.Signer.Public(), seen[RecordName(k.Selector, k.Domain)]))
		}
	}
}

// unsigned returns the value of a signature field with an empty b= tag at its
// end.
func (s *signing) unsigned(method canon.Method, k *signKey, from string, names []string, bodySum []byte) string {
	f := signed.Folder{Indent: indent, Max: maxLine, Width: len(signatureField) + 2}
	d := k.domainFor(from)
	f.Add("v=1;")
	f.Add(" a=" + k.kind + "-sha256;")
	f.Add(" c=" + method.String() + "/" + s.body.String() + ";")
	f.Add(" d=" + d + ";")
	f.Add(" s=" + k.Selector + ";")
	if id := k.auid(from, d); id != "" {
		f.Add(" i=" + id + ";")
	}
	now := s.now().Unix()
	if !s.noTime {
		f.Add(" t=" + strconv.FormatInt(now, 10) + ";")
	}
	if s.lifetime > 0 {
		f.Add(" x=" + strconv.FormatInt(now+int64(s.lifetime.Seconds()), 10) + ";")
	}
	tag, last := " h=", len(names)-1
	for _, name := range names[:last] {
		f.Add(tag + name + ":")
		tag = ""
	}
	f.Add(tag + names[last] + ";")
	f.Add(" bh=" + base64.StdEncoding.EncodeToString(bodySum) + ";")
	f.Break()
	f.Add("b=")
	return f.String()
}

// maxLine is the maximum length of the lines of a signature field.
const maxLine = 76

// indent begins the lines of a signature field but the first.
const indent = "\t"
