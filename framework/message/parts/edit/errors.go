package edit

import (
	"errors"
	"fmt"
)

// Errors of changes that are refused. They come in a [*PartError], from [New] or Read.
var (
	// ErrSigned: the message has a part that is signed or encrypted, or the change
	// would break a signature. See [Allow].
	ErrSigned = errors.New("edit: the part is signed or encrypted; allow the change, or leave the message as it is")
	// ErrUnreadable: a flaw of the message is in [parts.Unreadable], so that some
	// reader may see other parts than those that are changed. See [Unreadable].
	ErrUnreadable = errors.New("edit: mail readers may see other parts; refuse the message, or leave it as it is")
	// ErrAttached: the part belongs to an attached message. See [InMessages].
	ErrAttached = errors.New("edit: the part belongs to an attached message; allow the change, or change the part that contains the message")
	// ErrMessage: the message itself can be neither removed nor replaced by more
	// parts than one.
	ErrMessage = errors.New("edit: the message itself cannot be removed; replace it, or refuse the message")
	// ErrNoMultipart: the change needs a multipart and there is none. A part can be
	// removed, or get another beside it, in a multipart only, and parts can be
	// appended to a multipart only.
	ErrNoMultipart = errors.New("edit: there is no multipart to change; change the part that contains this one")
	// ErrNoContent: the header of the part ends without an empty line, so that the
	// part has no content to change.
	ErrNoContent = errors.New("edit: the part has no content; remove or replace it, or leave it as it is")
	// ErrBoundary: a line of new content begins with a delimiter of the message.
	ErrBoundary = errors.New("edit: a line of the new content is a delimiter; encode the content in base64 or quoted-printable")
	// ErrChange: a [Change] contradicts itself.
	ErrChange = errors.New("edit: set one of Remove, Replace and Transform; Fields and Append only with Transform or alone")
	// ErrFields: a field of a [Change] or a [Part] is not valid, or not to be changed.
	ErrFields = errors.New("edit: the field cannot be written")
	// ErrPart: a [Part] cannot be written.
	ErrPart = errors.New("edit: the new part cannot be written")
)

// PartError is an error about a part of the message.
type PartError struct {
	Path string // of the part; see [parts.Part.Path]
	Type string // of the part
	Err  error  // one of the errors of this package, or that of Config.Decide or a Transform
}

// Error returns what is wrong and with which part.
func (e *PartError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%v: the message itself, %s", e.Err, e.Type)
	}
	return fmt.Sprintf("%v: part %s, %s", e.Err, e.Path, e.Type)
}

// Unwrap returns Err.
func (e *PartError) Unwrap() error { return e.Err }
