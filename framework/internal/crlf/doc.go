// Package crlf makes the line ends of a mail body canonical: every line ends
// with CRLF, and no CR or LF stands alone. In a body with a lone CR or LF, two
// mail servers may disagree where the message ends, and one message can be read
// as two (SMTP smuggling).
package crlf
