package banner_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// contentTest is the content of a message, and what it becomes with a banner at the top
// and at the bottom. Lines end with CRLF in the mail.
type contentTest struct {
	header, content, top, bottom string
}

const (
	utf8Text = "Content-Type: text/plain; charset=utf-8\n"
	flowed   = "Content-Type: text/plain; charset=utf-8; format=flowed\n"
	utf8HTML = "Content-Type: text/html; charset=utf-8\n"
	quoted   = "Content-Transfer-Encoding: quoted-printable\n"
	in64     = "Content-Transfer-Encoding: base64\n"
)

func contentTests() map[string]contentTest {
	return map[string]contentTest{
		"text": {
			"", "Hello\n",
			"External sender\n\nHello\n",
			"Hello\n\nExternal sender\n",
		},
		"no line end": {
			utf8Text, "Hello",
			"External sender\n\nHello",
			"Hello\n\nExternal sender",
		},
		"empty": {
			utf8Text, "",
			"External sender\n",
			"External sender\n",
		},
		"signature": {
			utf8Text, "Hello\n-- \nAnn\n",
			"External sender\n\nHello\n-- \nAnn\n",
			"Hello\n\nExternal sender\n\n-- \nAnn\n",
		},
		"two signatures": {
			utf8Text, "Hello\n-- \nAnn\n-- \nList\n",
			"External sender\n\nHello\n-- \nAnn\n-- \nList\n",
			"Hello\n-- \nAnn\n\nExternal sender\n\n-- \nList\n",
		},
		"no signature": {
			utf8Text, "--\n> -- \n-- x\n --  \n-- -- \nAnn\n",
			"External sender\n\n--\n> -- \n-- x\n --  \n-- -- \nAnn\n",
			"--\n> -- \n-- x\n --  \n-- -- \nAnn\n\nExternal sender\n",
		},
		"quoted-printable": {
			utf8Text + quoted, "gr=C3=BCn =\nHello=\n",
			"External sender\n\ngr=C3=BCn =\nHello=\n",
			"gr=C3=BCn =\nHello=\n\n\nExternal sender\n",
		},
		"soft line break without end": {
			utf8Text + quoted, "Hello=",
			"External sender\n\nHello=",
			"Hello=\n\n\nExternal sender",
		},
		"signature in quoted-printable": {
			utf8Text + quoted, "Hello\n--=20\nAnn\n",
			"External sender\n\nHello\n--=20\nAnn\n",
			"Hello\n\nExternal sender\n\n--=20\nAnn\n",
		},
		"base64": { // "Hello\r\n"
			utf8Text + in64, "SGVs\nbG8N\nCg==\n",
			// "External sender\r\n\r\n\r\n"
			"RXh0ZXJuYWwgc2VuZGVyDQoNCg0KSGVs\nbG8N\nCg==\n",
			// "\n\r\nExternal sender\r\n" after "Hello\r"
			"SGVs\nbG8N\nCg0KRXh0ZXJuYWwgc2VuZGVyDQo=\n",
		},
		"base64 without text behind the last group": { // "Hello!"
			utf8Text + in64, "SGVsbG8h",
			"RXh0ZXJuYWwgc2VuZGVyDQoNCg0KSGVs\nbG8h",
			"SGVsbG8h\nDQoNCkV4dGVybmFsIHNlbmRlcg==",
		},
		"code cut at the end": {
			utf8Text + quoted, "Hello=4",
			"External sender\n\nHello=4",
			"Hello=4\n\nExternal sender",
		},
		"base64 cut at the end": {
			utf8Text + in64, "SGVsbG8hA",
			"RXh0ZXJuYWwgc2VuZGVyDQoNCg0KSGVs\nbG8hA",
			"SGVsbG8h\nDQoNCkV4dGVybmFsIHNlbmRlcg==",
		},
		"HTML": {
			utf8HTML, "<html><body class=\"a>b\">Hello</body></html>\n",
			"<html><body class=\"a>b\">\n<p>External sender</p>\n Hello</body></html>\n",
			"<html><body class=\"a>b\">Hello\n<p>External sender</p>\n </body></html>\n",
		},
		"HTML in capitals": {
			utf8HTML, "<HTML><HEAD><TITLE>x</TITLE></HEAD>\n<BODY>Hello</BODY ></HTML>\n",
			"<HTML><HEAD><TITLE>x</TITLE></HEAD>\n<BODY>\n<p>External sender</p>\n Hello</BODY ></HTML>\n",
			"<HTML><HEAD><TITLE>x</TITLE></HEAD>\n<BODY>Hello\n<p>External sender</p>\n </BODY ></HTML>\n",
		},
		"HTML without body": {
			utf8HTML, "<!doctype html>\n<title>x</title>\n<p>Hello\n",
			"<!doctype html>\n<title>x</title>\n\n<p>External sender</p>\n<p>Hello\n",
			"<!doctype html>\n<title>x</title>\n<p>Hello\n\n<p>External sender</p>\n",
		},
		"HTML without a tag": {
			utf8HTML, "Hello 1 < 2\n",
			"\n<p>External sender</p>\nHello 1 < 2\n",
			"Hello 1 < 2\n\n<p>External sender</p>\n",
		},
		"end of the HTML alone": {
			utf8HTML, "<p>Hello</html>\n",
			"\n<p>External sender</p>\n<p>Hello</html>\n",
			"<p>Hello\n<p>External sender</p>\n </html>\n",
		},
		"end of the body in a comment and in a script": {
			utf8HTML, "<!-- <body> --><body>a<script>\"</body>\"</script><!-- </body> -->b\n",
			"<!-- <body> --><body>\n<p>External sender</p>\n a<script>\"</body>\"</script><!-- </body> -->b\n",
			"<!-- <body> --><body>a<script>\"</body>\"</script><!-- </body> -->b\n\n<p>External sender</p>\n",
		},
		"comment without end": {
			utf8HTML, "<body>Hello<!-- </body>\n",
			"<body>\n<p>External sender</p>\n Hello<!-- </body>\n",
			"<body>Hello<!-- </body>\n\n--><p>External sender</p>\n",
		},
		"tag without end": {
			utf8HTML, "<body>Hello<a href=\"</body>\n",
			"<body>\n<p>External sender</p>\n Hello<a href=\"</body>\n",
			"<body>Hello<a href=\"</body>\n\n\"><p>External sender</p>\n",
		},
		"style without end": {
			utf8HTML, "<body>Hello<style></body>\n",
			"<body>\n<p>External sender</p>\n Hello<style></body>\n",
			"<body>Hello<style></body>\n\n</style><p>External sender</p>\n",
		},
		"HTML in quoted-printable": {
			utf8HTML + quoted, "<body style=3D\"x\">Hello =\n<=\n/body>\n",
			"<body style=3D\"x\">\n<p>External sender</p>\n Hello =\n<=\n/body>\n",
			"<body style=3D\"x\">Hello =\n\n<p>External sender</p>\n<=\n/body>\n",
		},
		"HTML in base64": { // "<body>Hello</body>"
			utf8HTML + in64, "PGJvZHk+SGVs\nbG88L2JvZHk+\n",
			"PGJvZHk+\nDQo8cD5FeHRlcm5hbCBzZW5kZXI8L3A+DQoNCg0KSGVs\nbG88L2JvZHk+\n",
			"PGJvZHk+SGVs\nbG8NCjxwPkV4dGVybmFsIHNlbmRlcjwvcD4NCg0KDQo8\nL2JvZHk+\n",
		},
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	for name, c := range contentTests() {
		for place, want := range map[banner.Place]string{banner.Top: c.top, banner.Bottom: c.bottom} {
			t.Run(name+map[banner.Place]string{banner.Top: " at the top", banner.Bottom: " at the bottom"}[place], func(t *testing.T) {
				t.Parallel()
				got := add(t, plainAt(place), divide("MIME-Version: 1.0\n"+c.header+"\n"+c.content))
				assert.Equal(t, want, strings.ReplaceAll(got.body, "\r\n", "\n"))
			})
		}
	}
}

// TestCutAnywhere tests that it does not matter in which pieces a body arrives.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	for name, c := range contentTests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := divide("MIME-Version: 1.0\n" + c.header + "\n" + c.content)
			for place, want := range map[banner.Place]string{banner.Top: c.top, banner.Bottom: c.bottom} {
				plan, err := newBanner(t, plainAt(place)).Plan(banner.Message{Header: m.header, Body: func() io.Reader {
					return iotest.OneByteReader(strings.NewReader(m.body))
				}})
				require.NoError(t, err)
				body, err := io.ReadAll(plan.Body())
				require.NoError(t, err)
				assert.Equal(t, want, strings.ReplaceAll(string(body), "\r\n", "\n"))
			}
		})
	}
}
