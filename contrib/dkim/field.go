package dkim

import (
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// The names of the header fields that the package uses.
const (
	signatureField = "DKIM-Signature"
	resultsField   = authres.FieldName
	fromField      = "From"
)

// Field is a header field as it was sent: its name, and the unchanged text after the colon.
type Field = signed.Field
