package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// sampleSender is the sender of the sample message.
const sampleSender = "alice@example.com"

// sampleRecipients returns the recipients of the sample message. The filters
// refuse one of them.
func sampleRecipients() []string {
	return []string{"bob@example.test", "nobody@example.test", "carol@example.test"}
}

const sampleText = `From: Alice <alice@example.com>
To: bob@example.test, nobody@example.test, carol@example.test
Subject: Your invoice
Date: %s
Message-ID: <sample@playground.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="cut here"

--cut here
Content-Type: text/plain; charset=utf-8

Dear Bob, please find the invoice attached.
--cut here
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="invoice.pdf.exe"
Content-Transfer-Encoding: base64

VGhpcyBpcyBubyBwcm9ncmFtLgo=
--cut here--
`

// sendSample sends the sample message as an SMTP client. A refusal by the
// filters is not an error, because the report shows it.
func sendSample(address string) error {
	c, err := smtp.Dial(address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	err = converse(c)
	if refused := new(smtp.SMTPError); errors.As(err, &refused) {
		return nil
	}
	return err
}

func converse(c *smtp.Client) error {
	if err := c.Hello("client.example"); err != nil {
		return err
	}
	if err := c.Mail(sampleSender, nil); err != nil {
		return err
	}
	for _, rcpt := range sampleRecipients() {
		// If a recipient is refused, the others still get the message.
		if err := c.Rcpt(rcpt, nil); err != nil && !errors.As(err, new(*smtp.SMTPError)) {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	text := fmt.Sprintf(sampleText, time.Now().Format(time.RFC1123Z))
	if _, err := io.WriteString(w, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}
