// Package printable makes text that came from clients, mail servers or mail safe for
// log lines and terminals.
//
// [Text] escapes characters that a terminal does not show as they are. [Handler] does
// so with everything that a logger writes: messages, keys, values, groups and errors.
// The server of package framework wraps its logger in such a handler, so that all lines
// of the framework and of the filters that use a session's logger are safe, whatever
// logger the program passes. A program wraps its other loggers itself.
//
// # What is escaped
//
// The Unicode category of a character decides. These are escaped as in a Go string
// literal, for example \r, \x1b, \u009b or \u202e:
//
//   - control characters (Cc): C0, DEL and C1, so line ends and terminal sequences;
//   - format characters (Cf): directions (bidi), zero-width characters, the soft hyphen
//     and tag characters;
//   - line and paragraph separators (Zl, Zp), and all spaces (Zs) except U+0020;
//   - private use (Co), surrogates (Cs) and unassigned characters (Cn);
//   - letters and marks that are invisible: variation selectors, and what the property
//     Other_Default_Ignorable_Code_Point names, such as the Hangul fillers.
//
// So a text of several lines becomes one line. A stack keeps its lines if it is passed as
// [Lines].
//
// A byte that is not part of valid UTF-8 is escaped as \xff is. So it differs from a
// U+FFFD in the text, which is shown as it is: it is visible. A backslash is not
// doubled: the result of Text is printable, and escaping it again changes nothing. So a
// reader cannot tell an escaped character from the same escape in the original text.
package printable
