package arc

import (
	"bufio"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	mail "github.com/sluicemail/sluice/framework/message"
)

// ErrNotSealed is the error of [Seal] for a message that must not be sealed.
var ErrNotSealed = errors.New("arc: not sealed")

// refusalError is why a message is not sealed.
type refusalError string

// Error implements error.
func (e refusalError) Error() string { return ErrNotSealed.Error() + ": " + string(e) }

// Is makes the error match ErrNotSealed.
func (refusalError) Is(target error) bool { return target == ErrNotSealed }

const (
	errFailed    refusalError = "an earlier host has sealed the chain as failed"
	errFull      refusalError = "the chain has 50 instances"
	errTemporary refusalError = "the DNS did not answer for a key of the chain"
	errChanged   refusalError = "the chain is not the one that was verified"
	errNoFrom    refusalError = "the message has no From field"
	errTooLong   refusalError = "the results are too long for one field"
	errNames     refusalError = "the message has too many fields to sign"
)

// sealing is the part of a [SealerConfig] that sealing needs.
type sealing struct {
	domain, selector string
	signer           crypto.Signer
	headers          []string
	now              func() time.Time
}

// newSealing returns what a configuration says, with defaults for what is missing.
func newSealing(c *SealerConfig) (*sealing, error) {
	w := &sealing{
		domain: mail.Domain(c.Domain).ASCII(), selector: mail.Domain(c.Selector).ASCII(),
		signer: c.Signer, now: c.Now,
	}
	if w.now == nil {
		w.now = time.Now
	}
	errs := []error{checkSigner(c.Signer)}
	if err := dkim.CheckNames(c.Selector, c.Domain); err != nil {
		errs = append(errs, errors.New(strings.TrimPrefix(err.Error(), "dkim: ")))
	}
	names := c.Headers
	if names == nil {
		names = DefaultHeaders()
	}
	if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, fromField) }) {
		names = append([]string{fromField}, names...)
	}
	for _, name := range names {
		errs = append(errs, checkSigned(name))
		if name = signed.LowerName(name); !slices.Contains(w.headers, name) {
			w.headers = append(w.headers, name)
		}
	}
	return w, errors.Join(errs...)
}

const fromField = "From"

// checkSigner returns an error for a key that cannot seal.
func checkSigner(key crypto.Signer) error {
	if key == nil {
		return errors.New("no private key")
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < dkim.MinBits {
			return dkim.ErrKeyWeak
		}
		return nil
	case ed25519.PublicKey:
		return errors.New("an Ed25519 key: many hosts know only RSA, and would fail the chain for good")
	default:
		return errors.New("not an RSA key")
	}
}

// checkSigned returns an error for a name that must not be signed: one of a field that changes
// on the way (RFC 6376 section 5.4.1), or that RFC 8617 section 4.1.2 excludes.
func checkSigned(name string) error {
	switch lower := signed.LowerName(name); {
	case lower == "authentication-results" || strings.HasPrefix(lower, "arc-"),
		lower == "return-path", lower == "received", lower == "bcc", lower == "resent-bcc":
		return fmt.Errorf("the header field %q must not be signed", name)
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' || r == ';' }) {
		return fmt.Errorf("%q is not a valid header field name", name)
	}
	return nil
}

// newSet is the set of a new instance: the values of its fields, without the space after the
// colon and with lines separated by LF.
type newSet struct {
	instance int
	chain    Status
	values   [roles]string
}

// seal returns the set that continues the chain of a message. The result is that of the chain
// before it. The payload is what follows the instance in the ARC-Authentication-Results.
func (w *sealing) seal(r *Result, payload string, fields []signed.Field, body *signed.BodyHash) (*newSet, error) {
	c := readChain(fields)
	n := &newSet{instance: c.highest + 1, chain: r.Status}
	switch {
	case c.failed:
		return nil, errFailed
	case c.highest >= MaxInstances:
		return nil, errFull
	case r.TempError:
		return nil, errTemporary
	case c.exists == (r.Status == None), c.highest != r.Instances, r.Status == Pass && c.problem != "":
		return nil, errChanged
	}
	n.values[results] = "i=" + strconv.Itoa(n.instance) + ";" + payload
	if mail.FieldValueProblem(n.values[results]) != "" || len(n.values[results]) > maxField {
		return nil, errTooLong
	}
	var err error
	if n.values[messageSignature], err = w.signMessage(n, fields, body); err != nil {
		return nil, err
	}
	n.values[seal], err = w.sealChain(n, c)
	return n, err
}

// signMessage returns the ARC-Message-Signature.
func (w *sealing) signMessage(n *newSet, fields []signed.Field, body *signed.BodyHash) (string, error) {
	x := signed.NewIndex(fields)
	var names []string
	for _, name := range w.headers {
		names = append(names, slices.Repeat([]string{name}, len(x[name]))...)
	}
	if len(names) > maxNames {
		return "", errNames
	}
	if len(x[signed.LowerName(fromField)]) == 0 {
		return "", errNoFrom
	}
	h := signed.NewHeaderHash(canon.Relaxed)
	h.AddNamed(fields, x, names, signed.NoField)
	return w.sign(h, n, messageSignature, func(f *signed.Folder) {
		f.Add(" bh=" + base64.StdEncoding.EncodeToString(body.Sum[:]) + ";")
		f.Add(" c=" + canon.Relaxed.String() + "/" + canon.Relaxed.String() + ";")
		f.Add(" d=" + w.domain + ";")
		tag, last := " h=", len(names)-1
		for _, name := range names[:last] {
			f.Add(tag + name + ":")
			tag = ""
		}
		f.Add(tag + names[last] + ";")
	})
}

// sealChain returns the ARC-Seal. It covers all sets, or only its own one if the chain fails:
// the fields of the others may be incomplete (RFC 8617 section 5.1.2).
func (w *sealing) sealChain(n *newSet, c *chain) (string, error) {
	h := signed.NewHeaderHash(canon.Relaxed)
	if n.chain == Pass {
		for i := range c.sets {
			for r := range roles {
				h.Add(c.field(i+1, r))
			}
		}
	}
	h.Add(n.field(results))
	h.Add(n.field(messageSignature))
	return w.sign(h, n, seal, func(f *signed.Folder) {
		f.Add(" cv=" + string(n.chain) + ";")
		f.Add(" d=" + w.domain + ";")
	})
}

// field returns a field of the set, as the message will have it.
func (n *newSet) field(r role) signed.Field {
	return signed.Field{Name: r.String(), Raw: " " + n.values[r]}
}

const (
	// maxLine is the maximum length of the lines of a field.
	maxLine = 73
	// indent begins its lines but the first. It is not a tab, because dkimpy finds i= in an
	// ARC-Message-Signature only behind a space.
	indent = " "
)

// sign returns a field with the signature of the fields so far and of itself. The tags are in
// the order of the alphabet, as the public suite for signing has them. So b= stands before others.
func (w *sealing) sign(h *signed.HeaderHash, n *newSet, r role, others func(*signed.Folder)) (string, error) {
	rest := signed.Folder{Indent: indent, Max: maxLine, Width: maxLine}
	others(&rest)
	rest.Add(" i=" + strconv.Itoa(n.instance) + ";")
	rest.Add(" s=" + w.selector + ";")
	rest.Add(" t=" + strconv.FormatInt(w.now().Unix(), 10))
	const before = "a=rsa-sha256;\n" + indent + "b="
	after := ";" + rest.String()
	digest, err := h.Sum(r.String(), " "+before+after)
	if err != nil {
		return "", err
	}
	data, err := signed.Sign(w.signer, digest)
	if err != nil {
		return "", fmt.Errorf("arc: sealing for %s with %s: %w", w.domain, w.selector, err)
	}
	return before + signed.FoldBase64(data, maxLine, indent) + after, nil
}

// Seal seals a message, and returns the three fields to put above it, in the order in which they
// must stand: ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results. Each field ends in
// CRLF. The result is that of [Verify] for the same message.
//
// The results are taken from the Authentication-Results fields of the message that have the
// AuthservID of the configuration: the caller must have removed those that are forged. If they
// contain none for ARC, the result is added.
//
// Seal reads the message to its end. Its lines may end in CRLF or LF; they are converted to CRLF.
// Of the configuration it uses Domain, Selector, Signer, Headers, AuthservID and Now. The error
// matches [ErrNotSealed] if the message must not be sealed.
func Seal(cfg SealerConfig, result Result, r io.Reader) ([]string, error) {
	w, err := newSealing(&cfg)
	if cfg.AuthservID == "" {
		err = errors.Join(err, errors.New("no AuthservID"))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	br := bufio.NewReader(r)
	fields, err := signed.ReadHeader(br)
	if err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	var sums signed.Bodies
	body := sums.Request(signed.BodyKind{Method: canon.Relaxed, Limit: signed.Whole})
	if err := sums.ReadBody(br); err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	var own []string
	for _, f := range fields {
		own = append(own, ownResults(f.Name, f.Raw, cfg.AuthservID)...)
	}
	payload, err := joinResults(cfg.AuthservID, own, &result)
	if err != nil {
		return nil, err
	}
	n, err := w.seal(&result, payload, fields, body)
	if err != nil {
		return nil, err
	}
	var out []string
	for r := seal; r >= results; r-- {
		out = append(out, r.String()+": "+strings.ReplaceAll(n.values[r], "\n", "\r\n")+"\r\n")
	}
	return out, nil
}
