// Package message contains functions for parts of a message that need no
// session:
//
//   - [ParseAddressList], [ParseAddress] and [ParsePath] read addresses of header fields
//     and of the envelope, [Strict] or [Tolerant], and return an [Address].
//   - [CheckField] judges a structured field by the grammar of RFC 5322.
//   - [Decode] reads the encoded words of a field, and [EncodeField] writes them.
//     [Prefix] and [Suffix] add a tag to a Subject. [DecodeText] reads a text in a charset.
//   - [Fold] and [Unfold] divide a value into lines and join them.
//   - [CheckFieldName], [FieldValueProblem] and [CleanFieldValue] check and
//     prepare names and values of fields.
//   - [CleanReply] and [CleanLine] prepare the text of replies.
//
// Senders write what these functions read. So each costs time that is linear in the length
// of its input, and none recurses: nested comments would fill the stack otherwise.
//
// Of the framework the package imports package printable, and internal packages that import
// nothing of the framework.
package message
