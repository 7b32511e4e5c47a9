// Package readable makes a recorded message readable: header values with their encoded words
// decoded, the parts of the body as a tree, and texts as UTF-8. Nothing is rendered: HTML stays
// source, and a file is only named.
//
// All mail is hostile. The time is linear in the length of the record, and what is returned is
// bounded. Texts may have control characters and change the direction of writing: the caller
// escapes them.
package readable
