package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire/mta"
)

// smtpReply converts a filter's refusal to an SMTP reply with the same lines. It
// returns nil if the filter's reply is not a refusal.
func smtpReply(r mta.Response) error {
	lines := r.Lines()
	if len(lines) == 0 {
		return nil
	}
	code, err := strconv.Atoi(lines[0][:3])
	if err != nil {
		return errUnavailable()
	}
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = line[min(4, len(line)):]
	}
	// The text already includes the enhanced status.
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: strings.Join(texts, "\n")}
}

// replyLines returns the lines that the SMTP client receives for an error of a
// session.
func replyLines(err error) []string {
	reply := new(smtp.SMTPError)
	if !errors.As(err, &reply) {
		return nil
	}
	lines := strings.Split(reply.Message, "\n")
	last := len(lines) - 1
	if reply.EnhancedCode != smtp.NoEnhancedCode {
		lines[last] = enhanced(reply.EnhancedCode) + " " + lines[last]
	}
	for i, line := range lines {
		lines[i] = strconv.Itoa(reply.Code) + "-" + line
	}
	lines[last] = strings.Replace(lines[last], "-", " ", 1)
	return lines
}

func enhanced(c smtp.EnhancedCode) string {
	return strconv.Itoa(c[0]) + "." + strconv.Itoa(c[1]) + "." + strconv.Itoa(c[2])
}

// hangsUp reports whether the MTA closes the connection after the reply
// (RFC 5321, section 3.8).
func hangsUp(err error) bool {
	reply := new(smtp.SMTPError)
	return errors.As(err, &reply) && reply.Code == 421
}

// errUnavailable returns the reply if the filter failed, with the text of
// Postfix.
func errUnavailable() error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Service unavailable - try again later"}
}

// errNotStored returns the reply if an accepted message cannot be stored.
func errNotStored() error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Message cannot be stored"}
}

// errNul returns the reply to a header with a NUL byte. The milter protocol
// cannot transport NUL in a header field, and Internet mail must not have it
// (RFC 5322, section 3.5).
func errNul() error {
	return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "A header field holds a NUL"}
}

func errNested() error {
	return &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "Nested MAIL command"}
}

// fitsProtocol reports whether the milter protocol can transport a header field.
func fitsProtocol(f mta.Field) bool { return !strings.Contains(f.Value, "\x00") }
