package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// The limits of an SMTP reply that a filter words itself, smfi_setmlreply.
const (
	MaxReplyLines   = 32
	MaxReplyLineLen = 980
)

// SMTPReply is SMFIR_REPLYCODE: the SMTP reply in the filter's own words,
// smfi_setreply.
type SMTPReply struct {
	// Text is the reply as it travels: code, enhanced status and text of
	// every line, lines separated by CRLF, every percent sign doubled.
	Text string
}

// NewSMTPReply builds a reply from its parts. The code is 4yz or 5yz; the
// enhanced status (RFC 3463) is empty or of the code's class; the lines hold
// no CR, LF or NUL, and may be left out. The error is a *ValueError.
func NewSMTPReply(code int, enhanced string, lines ...string) (SMTPReply, error) {
	if err := checkReply(code, enhanced, lines); err != nil {
		return SMTPReply{}, err
	}
	if len(lines) == 0 {
		lines = []string{""}
	}
	var b strings.Builder
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		text := strings.ReplaceAll(strings.TrimSpace(enhanced+" "+line), "%", "%%")
		b.WriteString(strings.TrimRight(strconv.Itoa(code)+sep+text, " "))
	}
	return SMTPReply{Text: b.String()}, nil
}

func checkReply(code int, enhanced string, lines []string) error {
	reason := ""
	switch {
	case code < 400 || code > 599:
		reason = "the code " + strconv.Itoa(code) + " is neither 4yz nor 5yz"
	case enhanced != "" && !enhancedFits(code, enhanced):
		reason = "the enhanced status " + strconv.Quote(enhanced) + " does not fit the code " + strconv.Itoa(code)
	case len(lines) > MaxReplyLines:
		reason = "more than " + strconv.Itoa(MaxReplyLines) + " lines"
	}
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			reason = "a line holds CR, LF or NUL"
		} else if len(line) > MaxReplyLineLen {
			reason = "a line of more than " + strconv.Itoa(MaxReplyLineLen) + " bytes"
		}
	}
	if reason == "" {
		return nil
	}
	return &ValueError{Message: RepReplyCode.String(), Reason: reason}
}

// enhancedFits reports whether status is an RFC 3463 status code of the same
// class as the SMTP code.
func enhancedFits(code int, status string) bool {
	parts := strings.Split(status, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(code/100) {
		return false
	}
	for _, p := range parts[1:] {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n > 999 || len(p) > 3 {
			return false
		}
	}
	return true
}

// Code returns the reply's SMTP code, or 0 when it has none.
func (m *SMTPReply) Code() int {
	if len(m.Text) < 3 {
		return 0
	}
	code, err := strconv.Atoi(m.Text[:3])
	if err != nil || code < 400 || code > 599 {
		return 0
	}
	return code
}

// Lines returns the lines as the SMTP client is to see them.
func (m *SMTPReply) Lines() []string {
	return strings.Split(strings.ReplaceAll(m.Text, "%%", "%"), "\r\n")
}

// ReplyCode implements [Reply].
func (*SMTPReply) ReplyCode() ReplyCode { return RepReplyCode }

// Decode implements [Reply].
func (m *SMTPReply) Decode(data []byte) error {
	c := cursor{rest: data, name: RepReplyCode.String()}
	m.Text = string(c.text())
	if c.err == nil && m.Code() == 0 {
		c.fail("no 4yz or 5yz code")
	}
	return c.done()
}

// Encode implements [Reply].
func (m *SMTPReply) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(RepReplyCode), RepReplyCode.String())
	e.text(m.Text)
	if m.Code() == 0 {
		e.fail("no 4yz or 5yz code")
	}
	return e.done()
}

// String implements [Reply].
func (m *SMTPReply) String() string { return fmt.Sprintf("%v %q", RepReplyCode, m.Text) }
