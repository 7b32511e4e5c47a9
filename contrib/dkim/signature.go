package dkim

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/contrib/internal/tags"
)

// signature is a parsed DKIM-Signature field.
type signature struct {
	field    Field
	at       int    // the index of the field in the header
	withoutB string // the value of the field with an empty b= tag
	domain   string
	selector string
	auid     string // i=, or "" if the tag is missing or not safe to display
	subject  string // the domain of i=, or d= if i= is missing
	kind     string // the kind of key
	hashName string
	header   canon.Method
	body     signed.BodyKind
	names    []string // h=
	bodySum  []byte
	signed   []byte
	time     time.Time
	expires  time.Time
}

// Limits of a signature: its length in bytes and the number of names in its h=
// tag.
const (
	maxSignature = 64 << 10
	maxNames     = 1000
)

// errIdentity is the error for an i= tag that cannot be decoded.
var errIdentity = errors.New("malformed quoted-printable in the identity")

// statusOf returns the result for a signature that parseSignature refuses with
// an error.
func statusOf(err error) Status {
	if errors.Is(err, errIdentity) {
		return StatusPermError
	}
	return StatusNeutral
}

// parseSignature parses the signature in fields[at]. If the signature is
// malformed, the error describes why, without text from the message, and sig
// holds the valid tags that were parsed.
func parseSignature(fields []Field, at int) (sig *signature, err error) {
	f := fields[at]
	sig = &signature{field: f, at: at, body: signed.BodyKind{Limit: signed.Whole}}
	if len(f.Raw) > maxSignature {
		return sig, errors.New("signature too long")
	}
	list, err := tags.Parse(f.Raw)
	if err != nil {
		return sig, errors.New("malformed signature")
	}
	for _, part := range []func(tags.List) error{sig.parseIdentity, sig.parseAlgorithms, sig.parseContent, sig.parseTimes} {
		if err := part(list); err != nil {
			return sig, err
		}
	}
	b, _ := list.Find("b")
	sig.withoutB = f.Raw[:b.Start] + f.Raw[b.End:]
	return sig, nil
}

func (s *signature) parseIdentity(list tags.List) error {
	// Internationalized messages may have U-labels in these tags (RFC 8616
	// section 5).
	d, sel := asciiDomain(tags.Squeeze(list.Get("d"))), asciiDomain(tags.Squeeze(list.Get("s")))
	if isDomain(d) {
		s.domain = d
	}
	if isDomain(sel) {
		s.selector = sel
	}
	switch {
	case list.Get("v") != "1":
		return errors.New("unknown signature version")
	case s.domain == "":
		return errors.New("malformed domain")
	case s.selector == "" || len(RecordName(sel, d)) > 253:
		return errors.New("malformed selector")
	}
	s.subject = s.domain
	if i, ok := list.Find("i"); ok {
		id, err := tags.Unquote(i.Value)
		if err != nil {
			return errIdentity
		}
		local, domain := splitAddress(asciiAddress(id))
		if !strings.Contains(id, "@") || !isDomain(domain) || !within(domain, d) {
			return errors.New("identity outside of the domain")
		}
		s.subject = strings.ToLower(domain)
		if local == "" || isLocal(local) {
			s.auid = local + "@" + s.subject
		}
	}
	return nil
}

func (s *signature) parseAlgorithms(list tags.List) error {
	s.kind, s.hashName, _ = strings.Cut(tags.Word(list.Get("a")), "-")
	if s.kind != typeRSA && s.kind != typeEd25519 || s.hashName != "sha256" && s.hashName != "sha1" {
		s.kind = ""
		return errors.New("unknown algorithm")
	}
	if q, ok := list.Find("q"); ok && !slices.ContainsFunc(tags.Words(q.Value), isDNS) {
		return errors.New("unknown query method")
	}
	c, ok := list.Find("c")
	if !ok {
		return nil
	}
	header, body, _ := strings.Cut(tags.Word(c.Value), "/")
	var okHeader, okBody bool
	s.header, okHeader = parseMethod(header)
	s.body.Method, okBody = parseMethod(body)
	if !okHeader || header == "" || !okBody {
		return errors.New("unknown canonicalization")
	}
	return nil
}

func isDNS(method string) bool { return method == "dns/txt" || method == "dns" }

// parseMethod parses the name of a canonicalization in lower case. It returns
// Simple, the default, for an empty name.
func parseMethod(name string) (canon.Method, bool) {
	switch name {
	case "relaxed":
		return canon.Relaxed, true
	case "simple", "":
		return canon.Simple, true
	default:
		return canon.Simple, false
	}
}

func (s *signature) parseContent(list tags.List) error {
	h, ok := list.Find("h")
	if s.names = tags.Items(h.Value); !ok || len(s.names) > maxNames {
		return errors.New("malformed list of header fields")
	}
	if !slices.ContainsFunc(s.names, func(n string) bool { return strings.EqualFold(n, fromField) }) {
		return errors.New("From is not signed") //nolint:staticcheck // From is the name of the header field
	}
	var err error
	if s.bodySum, err = base64.StdEncoding.DecodeString(tags.Squeeze(list.Get("bh"))); err != nil || len(s.bodySum) == 0 {
		return errors.New("malformed body hash")
	}
	if s.signed, err = base64.StdEncoding.DecodeString(tags.Squeeze(list.Get("b"))); err != nil || len(s.signed) == 0 {
		return errors.New("malformed signature data")
	}
	if l, ok := list.Find("l"); ok {
		n, err := strconv.ParseUint(l.Value, 10, 63)
		if err != nil {
			return errors.New("malformed body length")
		}
		s.body.Limit = int64(n)
	}
	return nil
}

func (s *signature) parseTimes(list tags.List) error {
	var ok bool
	if s.time, ok = parseTime(list, "t"); !ok {
		return errors.New("malformed signing time")
	}
	if s.expires, ok = parseTime(list, "x"); !ok {
		return errors.New("malformed expiration time")
	}
	if !s.time.IsZero() && !s.expires.IsZero() && !s.expires.After(s.time) {
		return errors.New("it expires before it was made")
	}
	return nil
}

// maxTime is the end of the year 9999 in Unix time. Later times are reduced to
// it.
const maxTime = 253402300799

func parseTime(list tags.List, name string) (time.Time, bool) {
	t, ok := list.Find(name)
	if !ok {
		return time.Time{}, true
	}
	n, err := strconv.ParseUint(t.Value, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(int64(min(n, maxTime)), 0), true
}
