// Package crlf makes the line ends of a mail body canonical: every line ends in
// CRLF, and neither CR nor LF stands alone. A body that breaks this rule lets
// one message be read as two (SMTP smuggling).
package crlf
