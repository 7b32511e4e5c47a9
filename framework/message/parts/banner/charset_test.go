package banner_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// TestCharset tests a banner that has a character beyond ASCII, and one beyond Latin-1.
func TestCharset(t *testing.T) {
	t.Parallel()
	const quotedHeader = "Content-Transfer-Encoding=quoted-printable"
	for name, c := range map[string]struct {
		text, header, content string
		want                  string // the body
		changes               string // of the header
	}{
		"UTF-8 in 8bit":        {"Grüße", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit", "ä\n", "Grüße\n\nä\n", ""},
		"Latin-1 in 8bit":      {"Grüße", "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit", "\xe4\n", "Gr\xfc\xdfe\n\n\xe4\n", ""},
		"Latin-1 in quoted":    {"Grüße", "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable", "=E4\n", "Gr=FC=DFe\n\n=E4\n", ""},
		"not in Latin-1":       {"10 €", "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit", "\xe4\n", "Fallback\n\n\xe4\n", ""},
		"windows-1252":         {"10 €", "Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: 8bit", "\xe4\n", "10 \x80\n\n\xe4\n", ""},
		"Japanese":             {"日本", "Content-Type: text/plain; charset=iso-2022-jp", "a\n", "\x1b$BF|K\\\x1b(B\n\na\n", ""},
		"UTF-8 in 7bit":        {"ü", "Content-Type: text/plain; charset=utf-8; format=flowed", "a = b\n", "=C3=BC\n\na =3D b\n", quotedHeader},
		"ASCII in 7bit":        {"ü", "Content-Type: text/plain; charset=us-ascii; format=flowed", "a\n", "=C3=BC\n\na\n", "Content-Type=text/plain; charset=utf-8; format=flowed " + quotedHeader},
		"nothing said":         {"ü", "Subject: x", "a\n", "=C3=BC\n\na\n", "Content-Type=text/plain; charset=utf-8 " + quotedHeader},
		"ASCII in quoted":      {"ü", "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable", "a=3D\n", "=C3=BC\n\na=3D\n", "Content-Type=text/plain; charset=utf-8"},
		"UTF-8 called ASCII":   {"ü", "Content-Type: text/plain", "ä\n", "=C3=BC\n\n=C3=A4\n", "Content-Type=text/plain; charset=utf-8 " + quotedHeader},
		"Latin-1 called ASCII": {"ü", "Content-Type: text/plain", "\xe4\n", "Fallback\n\n\xe4\n", ""},
		"ASCII in ASCII":       {"plain", "Content-Type: text/plain", "\xe4\n", "plain\n\n\xe4\n", ""},
		"HTML in ASCII":        {"Grüße", "Content-Type: text/html", "<p>a\n", "\n<div>Gr&#252;&#223;e</div>\n<p>a\n", ""},
		"HTML in Shift JIS":    {"Grüße", "Content-Type: text/html; charset=shift_jis", "<p>\x93\xfa\n", "\n<div>Gr&#252;&#223;e</div>\n<p>\x93\xfa\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := banner.Config{Text: c.text, Fallback: "Fallback"}
			m := divide("MIME-Version: 1.0\n" + c.header + "\n\n" + c.content)
			p, err := newBanner(t, config).Plan(m.message())
			require.NoError(t, err)
			assert.Equal(t, c.want, strings.ReplaceAll(m.apply(t, p).body, "\r\n", "\n"))
			assert.Equal(t, c.changes, changesOf(p))
			if c.changes == "" {
				return
			}
			config.KeepHeader = true
			p, err = newBanner(t, config).Plan(m.message())
			require.NoError(t, err)
			assert.Equal(t, banner.Fallback, p.Parts()[0].Variant)
			assert.Empty(t, p.Header())
		})
	}
}

// changesOf shows the changes of the header, but for the version of MIME.
func changesOf(p *banner.Plan) string {
	var list []string
	for _, f := range p.Header() {
		if f.Name != "MIME-Version" {
			list = append(list, f.Name+"="+f.Value)
		}
	}
	return strings.Join(list, " ")
}

// TestHeaderOfAPart tests that the editor changes the header of a part in the body.
func TestHeaderOfAPart(t *testing.T) {
	t.Parallel()
	m := divide("MIME-Version: 1.0\n" + multipart("mixed", "b", plain, file))
	got := add(t, banner.Config{Text: "ü", Place: banner.Bottom}, m)
	assert.Equal(t, m.header, got.header)
	assert.Equal(t, "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"+
		"Hello\r\n\r\n=C3=BC\r\n"+strings.ReplaceAll("--b\n"+file+"\n--b--\n", "\n", "\r\n"), got.body)
}

// TestFlowed tests the lines of a banner in format=flowed.
func TestFlowed(t *testing.T) {
	t.Parallel()
	config := banner.Config{Text: "one \n two\n> three\nFrom four\n-- \nfive", Place: banner.Bottom}
	m := divide("MIME-Version: 1.0\nContent-Type: text/plain; Format=Flowed\n\nHello \n")
	assert.Equal(t, "Hello \r\n\r\none\r\n  two\r\n > three\r\n From four\r\n--\r\nfive\r\n", add(t, config, m).body)
	m.header = []parts.Field{}
	assert.Equal(t, "Hello \r\n\r\none\r\n two\r\n> three\r\nFrom four\r\n--\r\nfive\r\n", add(t, config, m).body)
}

// TestDelimiters tests a message whose boundary is a line of the banner.
func TestDelimiters(t *testing.T) {
	t.Parallel()
	config := banner.Config{Text: "----\nExternal sender\n----", HTML: "<p>External sender</p>\n--<b>x"}
	for name, c := range map[string]struct{ boundary, part, want string }{
		"text":           {"--", plain, " ----\nExternal sender\n ----\n\nHello"},
		"a longer line":  {"-", plain, " ----\nExternal sender\n ----\n\nHello"},
		"HTML":           {"<b", page, "\n<p>External sender</p>\n --<b>x\n<p>Hello"},
		"rest of a line": {"x", "Content-Type: text/html\n\n<body>--x", "<body>\n<p>External sender</p>\n--<b>x\n --x"},
		"quoted": {
			"x", "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<body>--x",
			"<body>\n<p>External sender</p>\n=2D-<b>x\n --x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := add(t, config, divide("MIME-Version: 1.0\n"+"Content-Type: multipart/mixed; boundary=\""+c.boundary+
				"\"\n\n--"+c.boundary+"\n"+c.part+"\n--"+c.boundary+"--\n"))
			_, content, _ := strings.Cut(got.body, "\r\n\r\n")
			end := strings.LastIndex(content, "\r\n--")
			assert.Equal(t, c.want, strings.ReplaceAll(content[:end], "\r\n", "\n"))
		})
	}
}
