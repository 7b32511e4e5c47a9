package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of an SMTP reply that a filter words itself. The number of lines is
// smfi_setmlreply's. A line counts as the client gets it, with code, status and
// CRLF: more than 512 bytes are more than a client must take (RFC 5321, section
// 4.5.3.1.5), though libmilter takes text of 980. Together they just fit what
// Sendmail passes on, 16,383 bytes: what is longer lacks its last line, for which
// the client then waits.
const (
	MaxReplyLines   = 32
	MaxReplyLineLen = 512
)

// NewSMTPReply builds a reply from its parts, as smfi_setreply and
// smfi_setmlreply do. The code is 4yz or 5yz; the enhanced status (RFC 3463) is
// empty or of the code's class; the lines are UTF-8 without control characters
// but the tab, and may be left out. The error is a *ValueError.
//
// Postfix gives up a filter whose text, without an enhanced status, begins with
// a digit that is not the code's first. Such a reply gets the status 4.0.0 or
// 5.0.0.
func NewSMTPReply(code int, enhanced string, lines ...string) (SMTPReply, error) {
	if enhanced == "" && looksLikeOtherClass(code, lines) {
		enhanced = strconv.Itoa(code/100) + ".0.0"
	}
	if reason := partsFault(code, enhanced, lines); reason != "" {
		return SMTPReply{}, &ValueError{Message: RepReplyCode.String(), Reason: reason}
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

// replyText keeps the space behind a status without text: Sendmail takes the
// status for text where it is missing.
func replyText(enhanced, line string) string {
	return strings.ReplaceAll(statusBefore(enhanced)+strings.TrimRight(line, " "), "%", "%%")
}

// statusBefore is what stands between the code and the text.
func statusBefore(enhanced string) string {
	if enhanced == "" {
		return ""
	}
	return enhanced + " "
}

func partsFault(code int, enhanced string, lines []string) string {
	switch {
	case code < 400 || code > 599:
		return "the code " + strconv.Itoa(code) + " is neither 4yz nor 5yz"
	case enhanced != "" && !enhancedFits(code, enhanced):
		return "the enhanced status " + strconv.Quote(enhanced) + " does not fit the code " + strconv.Itoa(code)
	case len(lines) > MaxReplyLines:
		return "more than " + strconv.Itoa(MaxReplyLines) + " lines"
	}
	for _, line := range lines {
		if strings.ContainsFunc(line, isControl) || !utf8.ValidString(line) {
			return "a line holds a control character, or is not UTF-8"
		}
		if len("550-")+len(statusBefore(enhanced))+len(line)+len("\r\n") > MaxReplyLineLen {
			return "a line of more than " + strconv.Itoa(MaxReplyLineLen) + " bytes, with its code, status and CRLF"
		}
	}
	return ""
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
