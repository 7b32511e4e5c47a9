package arc

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/contrib/internal/tags"
	mail "github.com/sluicemail/sluice/framework/message"
)

// signature is a parsed ARC-Seal or ARC-Message-Signature field.
type signature struct {
	withoutB string // the value of the field with an empty b= tag
	domain   string
	selector string
	kind     string // the kind of key
	data     []byte
	time     time.Time

	chain Status // cv= of an ARC-Seal

	// The rest is in an ARC-Message-Signature only.
	header  canon.Method
	body    canon.Method
	names   []string // h=
	bodySum []byte
	length  int64 // l=, or signed.Whole
	expires time.Time
}

// The kinds of keys.
const (
	rsaKey     = "rsa"
	ed25519Key = "ed25519"
)

// maxNames limits the number of names in an h= tag.
const maxNames = 1000

// parseSeal parses an ARC-Seal field (RFC 8617 section 4.1.3). The error has no text from the
// message, and the signature has the tags that are valid.
func parseSeal(raw string, list tags.List) (*signature, error) {
	s := &signature{}
	if err := s.parseCommon(raw, list); err != nil {
		return s, err
	}
	if _, there := list.Find("h"); there {
		return s, errors.New("has an h= tag")
	}
	switch s.chain = Status(tags.Squeeze(list.Get("cv"))); s.chain {
	case None, Pass, Fail:
		return s, nil
	default:
		s.chain = ""
		return s, errors.New("has no valid cv= tag")
	}
}

// parseMessageSignature parses an ARC-Message-Signature field (RFC 8617 section 4.1.2), like
// parseSeal. It has the tags of a DKIM-Signature, but no version, and i= is the instance. The
// field From need not be signed.
func parseMessageSignature(raw string, list tags.List) (*signature, error) {
	s := &signature{length: signed.Whole}
	if err := s.parseCommon(raw, list); err != nil {
		return s, err
	}
	h, ok := list.Find("h")
	if s.names = tags.Items(h.Value); !ok || len(s.names) > maxNames {
		return s, errors.New("has no valid h= tag")
	}
	if slices.ContainsFunc(s.names, func(n string) bool { return strings.EqualFold(n, sealField) }) {
		return s, errors.New("signs an ARC-Seal field")
	}
	var err error
	if s.bodySum, err = base64.StdEncoding.DecodeString(tags.Squeeze(list.Get("bh"))); err != nil || len(s.bodySum) == 0 {
		return s, errors.New("has no valid bh= tag")
	}
	if !s.parseMethods(list) {
		return s, errors.New("has no valid c= tag")
	}
	if l, ok := list.Find("l"); ok {
		n, err := strconv.ParseUint(l.Value, 10, 63)
		if err != nil {
			return s, errors.New("has no valid l= tag")
		}
		s.length = int64(n)
	}
	if s.expires, ok = parseTime(list, "x"); !ok {
		return s, errors.New("has no valid x= tag")
	}
	return s, nil
}

// parseCommon parses the tags that both fields have.
func (s *signature) parseCommon(raw string, list tags.List) error {
	domain, selector := tags.Squeeze(list.Get("d")), tags.Squeeze(list.Get("s"))
	if dkim.CheckNames("x", domain) == nil {
		s.domain = mail.Domain(domain).ASCII()
	}
	if s.domain != "" && dkim.CheckNames(selector, domain) == nil {
		s.selector = mail.Domain(selector).ASCII()
	}
	kind, hashName, _ := strings.Cut(tags.Word(list.Get("a")), "-")
	var err error
	var ok bool
	b, _ := list.Find("b")
	switch s.data, err = base64.StdEncoding.DecodeString(tags.Squeeze(b.Value)); {
	case s.domain == "":
		return errors.New("has no valid d= tag")
	case s.selector == "":
		return errors.New("has no valid s= tag")
	case kind != rsaKey && kind != ed25519Key || hashName != "sha256":
		return errors.New("has no valid a= tag")
	case err != nil || len(s.data) == 0:
		return errors.New("has no valid b= tag")
	}
	if s.time, ok = parseTime(list, "t"); !ok {
		return errors.New("has no valid t= tag")
	}
	s.kind, s.withoutB = kind, raw[:b.Start]+raw[b.End:]
	return nil
}

// parseMethods parses c=. If it is missing, both canonicalizations are relaxed: RFC 8617 does not
// say so, but the public suite and dkimpy do. If only the second is missing, it is simple as in DKIM.
func (s *signature) parseMethods(list tags.List) bool {
	c, ok := list.Find("c")
	if !ok {
		s.header, s.body = canon.Relaxed, canon.Relaxed
		return true
	}
	header, body, both := strings.Cut(tags.Word(c.Value), "/")
	if !both {
		body = canon.Simple.String()
	}
	return setMethod(&s.header, header) && setMethod(&s.body, body)
}

// setMethod sets a canonicalization by its name, and reports whether there is one.
func setMethod(to *canon.Method, name string) bool {
	for _, m := range []canon.Method{canon.Simple, canon.Relaxed} {
		if m.String() == name {
			*to = m
			return true
		}
	}
	return false
}

// maxTime is the end of the year 9999 in Unix time. Later times are reduced to it.
const maxTime = 253402300799

// parseTime parses a tag with a time, which may be missing.
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
