//go:build integration

package integration_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// sample is a message and what Postfix delivers for it without filters.
type sample struct {
	name string
	realmta.Message
	// header and body are what filters see and what is delivered, without
	// the empty line between them.
	header, body string
}

// text returns a sample with a message that Postfix does not change.
func text(name, header, body string) sample {
	s := sample{name: name, header: header, body: body}
	s.Data = []byte(header + "\r\n" + body)
	return s
}

// with applies a change to a sample and returns it.
func (s sample) with(change func(*sample)) sample {
	change(&s)
	return s
}

const from = "From: Ann <ann@example.org>\r\n"

// samples returns all messages, each with a sender and recipients.
func samples(t *testing.T) []sample {
	t.Helper()
	all := append(files(t), plain()...)
	all = append(all, odd()...)
	for i := range all {
		s := &all[i]
		if s.From == "" && s.name != "empty sender" {
			s.From = "ann@example.org"
		}
		if s.To == nil {
			s.To = []string{fmt.Sprintf("r%d@example.test", i)}
		}
	}
	return all
}

// files returns the messages of testdata. Their files have LF line ends.
func files(t *testing.T) []sample {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.eml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []sample
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
		header, body, found := bytes.Cut(content, []byte("\r\n\r\n"))
		require.True(t, found, path)
		all = append(all, text(filepath.Base(path), string(header)+"\r\n", string(body)))
	}
	return all
}

// plain returns ordinary messages.
func plain() []sample {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("many%d@example.test", i)
	}
	return []sample{
		text("nothing but From", from, ""),
		text("empty body", from+"Subject: nothing more\r\n", ""),
		text("100 recipients", from+"Subject: to all\r\n", "hello\r\n").with(func(s *sample) { s.To = many }),
		text("empty sender", "From: MAILER-DAEMON@example.org\r\nAuto-Submitted: auto-replied\r\n", "returned\r\n"),
		text("2 MiB attached", from+"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n", attachment(2<<20)),
		text("8-bit", from+"Subject: caf\xe9\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n",
			"d\xe9j\xe0 vu\r\n\xff\xfe\x80\r\n").with(func(s *sample) { s.FromArgs = "BODY=8BITMIME" }),
		text("SMTPUTF8", "From: Jörg <jörg@example.org>\r\nTo: 用户@example.test\r\nSubject: größe 日本\r\n", "Grüße\r\n").
			with(func(s *sample) {
				s.From, s.FromArgs, s.To = "jörg@example.org", "SMTPUTF8 BODY=8BITMIME", []string{"用户@example.test"}
			}),
		text("dots at line starts", from, ".\r\n..\r\n...\r\n.dot\r\nin. the .middle\r\n.\r\n"),
		text("blank lines at both ends", from, "\r\n\r\ntext\r\n\r\n\r\n"),
		text("very long line", from, strings.Repeat("0123456789", 7000)+"\r\n"+strings.Repeat("x", 998)+"\r\n"),
	}
}

// attachment returns a multipart body with an attachment of n bytes.
func attachment(n int) string {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(i * i >> 3)
	}
	encoded := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.WriteString("--b\r\nContent-Type: text/plain\r\n\r\nsee the attachment\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for len(encoded) > 0 {
		n := min(76, len(encoded))
		b.WriteString(encoded[:n] + "\r\n")
		encoded = encoded[n:]
	}
	b.WriteString("--b--\r\n")
	return b.String()
}

// odd returns unusual, malformed or hostile messages.
func odd() []sample {
	return []sample{
		text("long folded headers", from+"References: "+strings.Repeat("<0123456789abcdef@example.org>\r\n\t", 200)+"<last@example.org>\r\n"+
			"X-Long: "+strings.Repeat("y", 3000)+"\r\n", "text\r\n"),
		text("a header of 60000 bytes", from+"X-Big: "+strings.Repeat("line of a header\r\n ", 3000)+"end\r\n", "text\r\n"),
		text("duplicate headers", from+"X-Tag: one\r\nSubject: first\r\nx-tag: two\r\nSubject: second\r\nX-TAG: one\r\n", "text\r\n"),
		text("tab after the colon", "From:\tAnn <ann@example.org>\r\nSubject:\t\ttwo tabs\r\n", "text\r\n"),
		text("no space after the colon", "From:ann@example.org\r\nSubject:tight\r\nX-Empty:\r\nX-Space: \r\nX-Two:  two\r\n", "text\r\n"),
		text("folded right away", from+"Subject:\r\n on the next line\r\nX-Blank: a\r\n \r\n b\r\n", "text\r\n"),
		text("a client's own address header", from+"X-Client-IP: 203.0.113.9\r\n", "text\r\n"),
		text("no final newline", from, "no end\r\n").with(func(s *sample) { s.Data = bytes.TrimSuffix(s.Data, []byte("\r\n")) }),
		text("header like text in the body", from, "Subject: not a header\r\nReceived: neither\r\n\r\nText\r\n"),
		text("control characters", from+"Subject: \x1b[31mred\x07\r\n", "a\x1bb\x7f\x01\r\n"),
		text("a CR alone", from, "one two\r\n\r\n").with(func(s *sample) { // Postfix repairs it
			s.Data = []byte(from + "\r\none\rtwo\r\n\r\r\n")
		}),
		text("bare LF", from, "one\r\ntwo\r\nthree\r\n").with(func(s *sample) { // Postfix ends a line there, and unstuffs the dot
			s.Data = []byte(from + "\none\ntwo\n.three\r\n")
		}),
		text("NUL", from, "a\x00b\r\n"),
	}
}
