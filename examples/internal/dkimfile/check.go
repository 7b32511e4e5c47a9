package dkimfile

import (
	"context"
	"errors"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// checkSigning returns the error of the filter about a part of the configuration
// of signing: one rule or one name. The caller knows where the part is.
func checkSigning(part dkim.Signing) error {
	_, err := dkim.NewSigner(dkim.Config{Signing: part})
	return ofPart(err)
}

// checkVerifying is like checkSigning, for a part of the configuration of
// verifying.
func checkVerifying(part dkim.Verifying) error {
	part.Resolver = noResolver{}
	_, err := dkim.NewVerifier(dkim.Config{Verifying: part})
	return ofPart(err)
}

// noResolver stands for the resolver while a part is checked.
type noResolver struct{}

// LookupTXT implements [dkim.Resolver].
func (noResolver) LookupTXT(context.Context, string) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// ofPart returns the error of a filter without the number of the rule, which is
// always the first.
func ofPart(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.NewReplacer("rule 1, key 1: ", "", "rule 1, key", "the rule, key", "rule 1", "the rule").Replace(err.Error()))
}
