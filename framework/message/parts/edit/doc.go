// Package edit changes parts of a message while it is read, and leaves every other byte
// as it is: boundaries, preambles, epilogues, line ends, white space.
//
// An [Editor] is an io.Reader. It asks a function about each part when the header of the
// part was read, and reads the message once, in bounded memory, whatever the sizes of the
// message and of its parts are.
//
//	e, err := edit.New(body, fields, edit.Config{
//		Decide: func(p *parts.Part) (edit.Change, error) {
//			if slices.ContainsFunc(p.Names, isProgram) {
//				return edit.Change{Replace: &edit.Part{Text: "A program was removed."}}, nil
//			}
//			return edit.Change{}, nil
//		},
//	})
//	// … apply e.Header() by the filter's grants, then:
//	err = body.ReplaceFrom(s, e)
//
// [New] edits a body, and [NewMessage] a whole message. Both find the parts with a
// [parts.Walker]. A [Change] removes a part, replaces it, transforms its content, changes
// its header, or writes other parts beside it or into it.
//
// # The message itself
//
// A milter changes the header of the message by other means than the body. If the body
// that an editor writes needs other fields there, [Editor.Header] tells them, and does so
// before the body is read. That is the case if the message itself is replaced, if its
// Content-Type changes, or if a part is to stand beside the only one: then the message
// becomes a multipart/mixed, and the old content is a part of it with the old fields.
//
// The message itself cannot be removed. If all parts of a multipart are removed, the
// editor writes a short text in their place, because a multipart without parts is not valid
// (RFC 2046 section 5.1.1), and its header was written by then. It leaves a multipart
// with one part as it is.
//
// # What is refused
//
// The signature of a signed part is valid as long as no byte of the part changes, and
// encrypted text cannot be changed at all. So an editor refuses by default to change
// anything in a message with a part that is signed or encrypted: multipart/signed,
// multipart/encrypted, S/MIME (application/pkcs7-mime, or a name in .p7m), and text with
// inline PGP. A signature in an attached message counts only for changes in attached
// messages. The sender can write such a part to have the message refused: a filter that
// has to remove something should allow it. See [Allow].
//
// Likewise it refuses changes in attached messages, which are the word of another
// sender, and changes of messages with a flaw that [parts.Unreadable] contains, because a
// reader may see other parts than those that are changed.
//
// Inline PGP, and some flaws, are found behind a change that was already written. Then Read
// returns the error. What was read before is not valid. ReplaceFrom hands a body on only
// when all of it was read, so that the MTA gets nothing. The filter has then failed, and its
// policy decides. A filter that rather leaves such a message as it is runs an editor over it
// first, with io.Discard. If that gave no error, it makes a second editor, applies its
// Header, and gives it to ReplaceFrom. The Header of the first is not that of the second,
// because the boundary of a message that becomes a multipart is random.
//
// A message that is not changed passes as it is, whatever it contains. A signature of
// DKIM covers the body. Any change breaks it, and no editor looks for one: that is the
// business of the filter that signs.
//
// # New content
//
// A new [Part] is encoded so that no line is too long or a delimiter. What a Transform
// returns is written as it is. If a line of it begins with a delimiter of the message,
// Read returns [ErrBoundary]. In base64 and in the quoted-printable that [Encode]
// writes no line does.
package edit
