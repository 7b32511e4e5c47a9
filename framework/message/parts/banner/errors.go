package banner

import (
	"errors"

	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// Errors of a message that cannot have the banner. Besides, there are those of package
// edit, such as [edit.ErrSigned] and [edit.ErrUnreadable]: see [Refused]. Each but ErrBareCR
// comes in an [*edit.PartError], which names the part.
var (
	// ErrCharset: the charset of a part is unknown or does not contain ASCII, as
	// UTF-16 does not, or it has not all characters of the text and there is no
	// Config.Fallback.
	ErrCharset = errors.New("banner: the charset of the part cannot have the text; set Config.Fallback, or leave the message as it is")
	// ErrEncoding: the Content-Transfer-Encoding is unknown, or the base64 before the
	// banner is broken so that readers decode it in different ways.
	ErrEncoding = errors.New("banner: the encoding of the part is unknown or broken; leave the message as it is")
	// ErrBareCR: the body has a CR without LF. An MTA would not take such a body from
	// a milter.
	ErrBareCR = errors.New("banner: the body has a CR without LF; leave the message as it is")
)

// ErrConfig is the error of [New]: a setting is not valid.
var ErrConfig = errors.New("banner: setting not valid")

// Refused reports whether an error of [Banner.Plan] means that the message cannot have the
// banner, whenever it is tried. A filter can let such a message go without one. Other
// errors are those of the body's reader.
func Refused(err error) bool {
	for _, refusal := range []error{
		ErrCharset, ErrEncoding, ErrBareCR,
		edit.ErrSigned, edit.ErrUnreadable, edit.ErrNoMultipart, edit.ErrNoContent, edit.ErrBoundary, edit.ErrFields,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
