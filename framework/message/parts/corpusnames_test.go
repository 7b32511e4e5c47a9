package parts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// TestNamesInStructures tests which part a name is told of, where parts are nested: the
// forms of names are in TestNames.
func TestNamesInStructures(t *testing.T) {
	t.Parallel()
	const (
		mixed   = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
		exe     = "Content-Type: application/x; name=a.exe\n\nx\n"
		attach  = "Content-Type: message/rfc822; name=mail.eml\n"
		subject = "\nSubject: inner\nMIME-Version: 1.0\n"
	)
	for name, c := range map[string]struct{ message, want string }{
		"of the multipart itself": {
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b; name=all.exe\n\n--b\n" + exe + "--b--\n",
			" multipart/mixed \"all.exe\"\n1 application/x \"a.exe\"\n",
		},
		"of the same name twice": {
			mixed + "--b\n" + exe + "--b\n" + exe + "--b--\n",
			" multipart/mixed\n1 application/x \"a.exe\"\n2 application/x \"a.exe\"\n",
		},
		"of a message and of a part in it": {
			mixed + "--b\n" + attach + subject + exe + "--b--\n",
			" multipart/mixed\n1 message/rfc822 \"mail.eml\"\n1.1 application/x \"a.exe\"\n",
		},
		"in a message in quoted-printable": {
			mixed + "--b\n" + attach + "Content-Transfer-Encoding: quoted-printable\n" + subject + exe + "--b--\n",
			" multipart/mixed\n1 message/rfc822 \"mail.eml\" [encoded structure]\n1.1 application/x \"a.exe\"\n",
		},
		"of a message in base64, which hides others": {
			mixed + "--b\n" + attach + "Content-Transfer-Encoding: base64\n\nx\n--b--\n",
			" multipart/mixed\n1 message/rfc822 \"mail.eml\" [encoded structure]\n",
		},
		"in a message in a message": {
			mixed + "--b\n" + attach + subject + attach + subject + exe + "--b--\n",
			" multipart/mixed\n1 message/rfc822 \"mail.eml\"\n1.1 message/rfc822 \"mail.eml\"\n1.1.1 application/x \"a.exe\"\n",
		},
		"in a digest": {
			"MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=b\n\n--b\n" + subject + exe + "--b--\n",
			" multipart/digest\n1 message/rfc822\n1.1 application/x \"a.exe\"\n",
		},
		"uuencoded in an attached message": {
			mixed + "--b\n" + attach + subject + "\nbegin 644 b.exe\nx\nend\n--b--\n",
			" multipart/mixed\n1 message/rfc822 \"mail.eml\"\n1.1 text/plain \"b.exe\"\n",
		},
		"in a preamble and an epilogue": {
			mixed + exe + "--b\n\ntext\n--b--\n" + exe,
			" multipart/mixed\n1 text/plain\n",
		},
		"behind the end": {
			mixed + "--b\n\ntext\n--b--\n--b\n" + exe,
			" multipart/mixed [parts after the end]\n1 text/plain\n2 application/x \"a.exe\"\n",
		},
		"in a text that is no part": {
			mixed + "--b\nContent-Type: text/plain\n\nContent-Type: application/x; name=a.exe\n--b--\n",
			" multipart/mixed\n1 text/plain\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, _ := walk(t, parts.Limits{}, c.message)
			assert.Equal(t, c.want, outline(list))
		})
	}
}
