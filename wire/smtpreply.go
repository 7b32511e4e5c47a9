package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// SMTPReply is SMFIR_REPLYCODE: an SMTP reply that the filter composed.
// [NewSMTPReply] builds a valid one.
type SMTPReply struct {
	// Text is the reply in its encoded form: every line has a code, an
	// optional enhanced status, and text. Lines are separated by CRLF.
	// Every percent sign is doubled.
	Text string
}

// Code returns the reply's SMTP code, or 0 if it has none.
func (m *SMTPReply) Code() int {
	if len(m.Text) < 3 || checkReplyLine(m.Text[:3]+" ") != nil {
		return 0
	}
	code, _ := strconv.Atoi(m.Text[:3]) // checkReplyLine has checked the digits
	return code
}

// Lines returns the lines that the SMTP client receives. Like Postfix, it drops
// a percent sign that is not doubled.
func (m *SMTPReply) Lines() []string {
	var b strings.Builder
	for i := 0; i < len(m.Text); i++ {
		if m.Text[i] == '%' {
			if i++; i == len(m.Text) {
				break
			}
		}
		b.WriteByte(m.Text[i])
	}
	return strings.Split(b.String(), "\r\n")
}

// ReplyCode implements [Reply].
func (*SMTPReply) ReplyCode() ReplyCode { return RepReplyCode }

// Decode implements [Reply]. It checks the text as Postfix does.
func (m *SMTPReply) Decode(data []byte) error {
	c := cursor{rest: data, name: RepReplyCode}
	m.Text = string(c.text())
	if err := checkReplyLine(m.Text); c.err == nil && err != nil {
		c.fail(err.Error())
	}
	return c.done()
}

// Encode implements [Reply]. It checks more than Decode does. Sendmail uses the
// text as a format string, and a stray line end would send the SMTP client a
// second reply.
func (m *SMTPReply) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(RepReplyCode), RepReplyCode.String())
	e.text(m.Text)
	if err := checkReplyLines(m.Text); err != nil {
		e.fail(err.Error())
	}
	return e.done()
}

// String implements [Reply].
func (m *SMTPReply) String() string { return fmt.Sprintf("%v %q", RepReplyCode, m.Text) }

// checkReplyLine returns an error if a line of an SMTP reply is not valid.
func checkReplyLine(line string) error {
	switch {
	case len(line) < 3 || (line[0] != '4' && line[0] != '5') || !isDigit(line[1]) || !isDigit(line[2]):
		return errors.New("no 4yz or 5yz code")
	case len(line) == 3 || (line[3] != ' ' && line[3] != '-'):
		return errors.New("no space or hyphen after the code")
	case len(line) > 4 && isDigit(line[4]) && line[4] != line[0]:
		return errors.New("enhanced status and code are of different classes")
	}
	return nil
}

// checkReplyLines returns an error if the text is not a valid SMTP reply.
func checkReplyLines(text string) error {
	lines := strings.Split(text, "\r\n")
	for i, line := range lines {
		last := i == len(lines)-1
		switch err := checkReplyLine(line); {
		case err != nil:
			return err
		case line[:3] != lines[0][:3]:
			return errors.New("lines with different codes")
		case (line[3] == ' ') != last:
			return errors.New("hyphen after the code of the last line, or space after that of another")
		case strings.ContainsAny(line, "\r\n"):
			return errors.New("bare CR or LF")
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "%%", ""), "%") {
		return errors.New("percent sign is not doubled")
	}
	return nil
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
