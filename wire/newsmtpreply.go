package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of an SMTP reply that a filter composes.
//
// MaxReplyLines is the limit of smfi_setmlreply. MaxReplyLineLen counts a line
// as the client receives it, with code, status and CRLF. A client need not
// accept more than 512 bytes (RFC 5321 section 4.5.3.1.5), although libmilter
// accepts 980 bytes of text. A reply that reaches both limits is just within
// the 16,383 bytes that Sendmail passes on. Sendmail drops the last line of a
// longer reply, and the client then waits for that line.
const (
	MaxReplyLines   = 32
	MaxReplyLineLen = 512
)

// NewSMTPReply builds a reply from its parts, as smfi_setreply and
// smfi_setmlreply do. The code is 4yz or 5yz. The enhanced status (RFC 3463) is
// empty or of the same class as the code. The lines are optional. They must be
// UTF-8 without control characters other than the tab. The error is a
// *ValueError.
//
// Postfix gives up a filter if a reply without an enhanced status has a text
// that begins with a digit other than the first digit of the code. NewSMTPReply
// adds the status 4.0.0 or 5.0.0 to such a reply.
func NewSMTPReply(code int, enhanced string, lines ...string) (SMTPReply, error) {
	if enhanced == "" && looksLikeOtherClass(code, lines) {
		enhanced = strconv.Itoa(code/100) + ".0.0"
	}
	if err := checkParts(code, enhanced, lines); err != nil {
		return SMTPReply{}, &ValueError{Message: RepReplyCode.String(), Reason: err.Error()}
	}
	if len(lines) == 0 {
		lines = []string{""}
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		out[i] = strconv.Itoa(code) + sep + replyText(enhanced, line)
	}
	return SMTPReply{Text: strings.Join(out, "\r\n")}, nil
}

// replyText returns what follows the code and its separator. It keeps the space
// after a status without text, because Sendmail would take the status for text
// without that space.
func replyText(enhanced, line string) string {
	return strings.ReplaceAll(statusPrefix(enhanced)+strings.TrimRight(line, " "), "%", "%%")
}

// statusPrefix returns the enhanced status with the space after it.
func statusPrefix(enhanced string) string {
	if enhanced == "" {
		return ""
	}
	return enhanced + " "
}

// checkParts returns an error if the parts are not those of a valid reply.
func checkParts(code int, enhanced string, lines []string) error {
	switch {
	case code < 400 || code > 599:
		return fmt.Errorf("code %d is neither 4yz nor 5yz", code)
	case enhanced != "" && !enhancedFits(code, enhanced):
		return fmt.Errorf("enhanced status %q does not match code %d", enhanced, code)
	case len(lines) > MaxReplyLines:
		return fmt.Errorf("more than %d lines", MaxReplyLines)
	}
	for _, line := range lines {
		if strings.ContainsFunc(line, isControl) || !utf8.ValidString(line) {
			return errors.New("line contains a control character or is not UTF-8")
		}
		if len("550-")+len(statusPrefix(enhanced))+len(line)+len("\r\n") > MaxReplyLineLen {
			return fmt.Errorf("line of more than %d bytes, including code, status and CRLF", MaxReplyLineLen)
		}
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// enhancedFits reports whether status is an RFC 3463 status code of the same
// class as the SMTP code.
func enhancedFits(code int, status string) bool {
	parts := strings.Split(status, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(code/100) {
		return false
	}
	for _, p := range parts[1:] {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || p != strconv.FormatUint(n, 10) || n > 999 {
			return false
		}
	}
	return true
}

func looksLikeOtherClass(code int, lines []string) bool {
	class := strconv.Itoa(code)[0]
	for _, line := range lines {
		if line != "" && isDigit(line[0]) && line[0] != class {
			return true
		}
	}
	return false
}
