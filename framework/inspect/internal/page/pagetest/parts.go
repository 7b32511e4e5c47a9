package pagetest

import (
	"encoding/base64"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Parts returns a record of a message with parts: a text in Latin-1, HTML with attacks, text with
// attacks and a file.
func Parts(n int, began time.Time) *record.Message {
	m := plain(n, began)
	attacks := strings.Join(Attacks, "\r\n")
	var quoted strings.Builder
	w := quotedprintable.NewWriter(&quoted)
	_, _ = w.Write([]byte("Hallo,\r\n\r\nGr\xfc\xdfe, Olga\r\n")) // a strings.Builder has no errors
	_ = w.Close()
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	m.Header = []record.Field{
		{Name: "From", Value: "Olga <olga@example.net>"},
		{Name: "Subject", Value: "=?iso-8859-1?q?Rechnung_f=FCr_M=E4rz?="},
		{Name: "X-Hostile", Value: mime.BEncoding.Encode("utf-8", "invoice\u202Efdp.exe "+Attacks[0])},
		{Name: "MIME-Version", Value: "1.0"},
		{Name: "Content-Type", Value: `multipart/mixed; boundary="b"`},
	}
	m.Body = []byte(strings.Join([]string{
		"--b", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "", quoted.String(),
		"--b", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "", encoded("<h1>Hello</h1>\r\n" + attacks),
		"--b", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "", encoded(attacks),
		"--b", "Content-Type: application/pdf", "Content-Transfer-Encoding: base64",
		"Content-Disposition: attachment; filename*=utf-8''" + "invoice%E2%80%AEfdp.exe", "", encoded("%PDF-1.4"),
		"--b--", "",
	}, "\r\n"))
	m.BodySize = int64(len(m.Body))
	return m
}
