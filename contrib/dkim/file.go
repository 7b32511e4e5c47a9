package dkim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// ErrNotSigned is the error of [Sign] if no rule has a key for the author, or if the author
// is unclear.
var ErrNotSigned = errors.New("dkim: no rule has a key for the author of the message")

// Sign signs a message and returns its DKIM-Signature fields, topmost first.
// Each field ends in CRLF. Sign reads the message to its end. The lines of the
// message may end in CRLF or LF. Sign converts them to CRLF before it signs. It
// does not check whether [Trust] admits the message.
func Sign(cfg Signing, r io.Reader) ([]string, error) {
	sg, err := newSigning(&cfg, time.Now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	br := bufio.NewReader(r)
	fields, err := signed.ReadHeader(br)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	from, unclear := authors(fields)
	if unclear != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSigned, unclear)
	}
	keys := selectKeys(sg.candidates(from), from[0], func(*signKey) bool { return true })
	if len(keys) == 0 {
		return nil, ErrNotSigned
	}
	var sums signed.Bodies
	sum := sums.Request(signed.BodyKind{Method: sg.body, Limit: signed.Whole})
	if err := sums.ReadBody(br); err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	values, err := sg.sign(sg.header, keys, fields, from[0], sum)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		values[i] = signatureField + ": " + strings.ReplaceAll(v, "\n", "\r\n") + "\r\n"
	}
	return values, nil
}

// Verify verifies the signatures of a message. It reads the message to its end.
// The lines of the message may end in CRLF or LF. For a message without a
// signature, Verify returns one result with [StatusNone].
func Verify(ctx context.Context, cfg Verifying, r io.Reader) ([]Result, error) {
	v, err := newVerifying(&cfg, time.Now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	br := bufio.NewReader(r)
	fields, err := signed.ReadHeader(br)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	var sums signed.Bodies
	m := v.begin(ctx, fields, &sums)
	if err := sums.ReadBody(br); err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	return m.finish(ctx, m.lookUp(ctx)), nil
}
