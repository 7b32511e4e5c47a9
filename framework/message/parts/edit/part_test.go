package edit_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// TestParts tests how parts are written, and that a reader reads them as they were given.
func TestParts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 999)
	for name, c := range map[string]struct {
		part    edit.Part
		reader  string // the text of a Reader
		want    string
		decoded string // if it is not the text
	}{
		"nothing":          {edit.Part{}, "", "Content-Type: text/plain; charset=utf-8\n\n", ""},
		"text":             {edit.Part{Text: "a\r\nb\nc"}, "", "Content-Type: text/plain; charset=utf-8\n\na\nb\nc", "a\nb\nc"},
		"umlaut":           {edit.Part{Text: "für\r\ndich \n"}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCr\ndich=20\n", "für\ndich \n"},
		"Greek":            {edit.Part{Text: "αβγ\n"}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nzrHOss6zDQo=", "αβγ\r\n"},
		"delimiter":        {edit.Part{Text: "x\n--b--\n-"}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nx\n=2D-b--\n=2D", ""},
		"longer delimiter": {edit.Part{Text: "--bc"}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=2D-bc", ""},
		"CR":               {edit.Part{Text: "a\rb"}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\na=0Db", ""},
		"NUL":              {edit.Part{Text: "a\x00b"}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\na=00b", ""},
		"long line":        {edit.Part{Text: long}, "", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Repeat("x", 75)+"=\n", 13) + strings.Repeat("x", 24), ""},
		"image":            {edit.Part{Type: "image/png", Text: strings.Repeat("x", 58)}, "", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat("eHh4", 19) + "\neA==", ""},
		"reader":           {edit.Part{Type: "Text/HTML"}, "<p>=\n", "Content-Type: Text/HTML\nContent-Transfer-Encoding: quoted-printable\n\n<p>=3D\n", ""},
		"image reader":     {edit.Part{Type: "image/png"}, "x\n", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\neAo=", ""},
		"message":          {edit.Part{Type: "message/rfc822", Text: "Subject: x\n\nx"}, "", "Content-Type: message/rfc822\n\nSubject: x\n\nx", "-"},
		"8bit message":     {edit.Part{Type: "message/rfc822"}, "Subject: ü\r\n\r\nx", "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: ü\n\nx", "-"},
		"name":             {edit.Part{Type: "x/y", Name: "a b.txt"}, "", "Content-Type: x/y\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"a b.txt\"\n\n", ""},
		"name, inline":     {edit.Part{Type: "x/y", Name: "ü\"\\%.txt", Disposition: "inline"}, "", "Content-Type: x/y\nContent-Transfer-Encoding: base64\nContent-Disposition: inline; filename=\"____.txt\";\n filename*=utf-8''%C3%BC%22%5C%25.txt\n\n", ""},
		"name like a word": {edit.Part{Type: "x/y", Name: "=?utf-8?q?x?="}, "", "Content-Type: x/y\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"=?utf-8?q?x?=\";\n filename*=utf-8''%3D%3Futf-8%3Fq%3Fx%3F%3D\n\n", ""},
		"fields":           {edit.Part{Type: "x/y", Fields: []parts.Field{{Name: "Content-ID", Value: "<a@b>"}, {Name: "Content-Description", Value: strings.Repeat("word ", 20)}}}, "", "Content-Type: x/y\nContent-Transfer-Encoding: base64\nContent-ID: <a@b>\nContent-Description: word word word word word word word word word word word\n word word word word word word word word word\n\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, mixed+"--b--\n", func() edit.Config {
				part := c.part
				if c.reader != "" {
					part.Reader = strings.NewReader(c.reader)
				}
				return edit.Config{Decide: changeAll(map[string]edit.Change{"": {Append: []*edit.Part{&part}}})}
			})
			require.NoError(t, err)
			require.Equal(t, mixed+"--b\n"+c.want+"\n--b--\n", got)
			if c.decoded == "-" {
				return
			}
			_, body, _ := strings.Cut(got, "\n\n")
			r := parts.NewReader(strings.NewReader(body), []parts.Field{{Name: "MIME-Version"}, {Name: "Content-Type", Value: "multipart/mixed; boundary=b"}}, parts.Limits{})
			_, err = r.Next()
			require.NoError(t, err)
			p, err := r.Next()
			require.NoError(t, err)
			content, err := io.ReadAll(edit.Decode(p.Encoding, r))
			require.NoError(t, err)
			want := c.decoded
			if want == "" {
				want = c.part.Text + c.reader
			}
			assert.Equal(t, want, string(content))
			assert.Zero(t, r.Flaws()&parts.Unreadable)
			if c.part.Name != "" {
				assert.Contains(t, p.Names, c.part.Name)
			}
		})
	}
}

// TestEmpty tests the text in place of the parts of a multipart.
func TestEmpty(t *testing.T) {
	t.Parallel()
	const inner = mixed + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c\n\ntwo\n--c--\n\n--b\n\nthree\n--b--\n"
	got, err := editWith(inner, edit.Config{
		Empty:  "Nichts für ungut.",
		Decide: changeAll(map[string]edit.Change{"1.1": {Remove: true}, "1.2": {Remove: true}}),
	})
	require.NoError(t, err)
	assert.Equal(t, mixed+"--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nNichts f=C3=BCr ungut.\n--c--\n\n--b\n\nthree\n--b--\n", got)
}
