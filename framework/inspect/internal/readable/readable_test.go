package readable_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/readable"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// mail returns a record of a message with these fields and body.
func mail(body string, fields ...string) *record.Message {
	m := &record.Message{Content: record.ContentAll, Body: []byte(strings.ReplaceAll(body, "\n", "\r\n"))}
	for i := 0; i < len(fields); i += 2 {
		m.Header = append(m.Header, record.Field{Name: fields[i], Value: " " + fields[i+1]})
	}
	m.BodySize = int64(len(m.Body))
	return m
}

// tree returns a tree in words, a line for each part.
func tree(p *readable.Part) (lines []string) {
	line := fmt.Sprintf("%s %s %d", p.Path, p.Type, p.Size)
	for _, name := range p.Names {
		line += " " + name
	}
	if p.Text != "" {
		line += fmt.Sprintf(" %q", p.Text)
	}
	lines = append(lines, strings.TrimSpace(line))
	for _, part := range p.Parts {
		lines = append(lines, tree(part)...)
	}
	return lines
}

func TestTree(t *testing.T) {
	t.Parallel()
	got := readable.Of(mail(`preamble
--b
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe,=20
soft=
 line
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGI+R3LDvMOfZTwvYj48c2NyaXB0PnB3bmVkPTE8L3NjcmlwdD4=
--inner--
--b
Content-Type: application/pdf; name="=?utf-8?q?Rechnung_=E2=82=AC?=.pdf"
Content-Disposition: attachment; filename*=utf-8''Rechnung%20%E2%82%AC.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQ=
--b
Content-Type: message/rfc822

Subject: =?utf-8?b?R3LDvMOfZQ==?=
From: Ann <ann@example.org>

Inner text
--b
Content-Type: text/plain
Content-Disposition: attachment; filename=notes.txt

not shown
--b--
`, "Subject", "=?utf-8?q?=E4=BC=9A?=\n =?utf-8?q?=E8=AD=B0?=", "Content-Type", `multipart/mixed; boundary="b"`, "MIME-Version", "1.0"))
	assert.Equal(t, readable.Field{Name: "Subject", Value: "会議"}, got.Header[0])
	assert.Empty(t, got.Missing)
	require.NotNil(t, got.Part)
	lines := tree(got.Part)
	assert.Equal(t, "multipart/mixed", strings.Fields(lines[0])[0])
	assert.Equal(t, "multipart/alternative", strings.Fields(lines[1])[1])
	assert.Equal(t, []string{
		`1.1 text/plain 18 "Grüße, \nsoft line"`,
		`1.2 text/html 38 "<b>Grüße</b><script>pwned=1</script>"`,
		`2 application/pdf 8 Rechnung €.pdf =?utf-8?q?Rechnung_=E2=82=AC?=.pdf`,
	}, lines[2:5])
	assert.Equal(t, "message/rfc822", strings.Fields(lines[5])[1])
	assert.Equal(t, `3.1 text/plain 10 "Inner text"`, lines[6])
	assert.Equal(t, `4 text/plain 9 notes.txt`, lines[7])
	inner := got.Part.Parts[2].Parts[0]
	assert.Equal(t, []readable.Field{{Name: "Subject", Value: "Grüße"}, {Name: "From", Value: "Ann <ann@example.org>"}}, inner.Header)
}

// Bounds of what is returned, whatever the mail is.
const (
	mostJSON  = 8 << 20
	mostParts = 201
)

// check returns the number of parts, and the depth.
func check(t *testing.T, p *readable.Part) (count, depth int) {
	t.Helper()
	assert.True(t, utf8.ValidString(p.Text+p.Type+p.Charset+strings.Join(p.Names, "")))
	for _, part := range p.Parts {
		n, d := check(t, part)
		count, depth = count+n, max(depth, d)
	}
	return count + 1, depth + 1
}

func TestHostile(t *testing.T) {
	t.Parallel()
	var nested strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&nested, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
	}
	file := "Content-Type: text/plain; charset=utf-16; name=" + strings.Repeat("n", 10_000) + "\n\n" + strings.Repeat("ab", 2000) + "\n"
	for name, c := range map[string]struct {
		body, contentType, encoding string
		problem                     string
	}{
		"nested multiparts":  {nested.String(), "multipart/mixed; boundary=b0", "", "deep"},
		"nested messages":    {strings.Repeat("Content-Type: message/rfc822\n\n", 5000), "message/rfc822", "", "deep"},
		"many parts":         {strings.Repeat("--b\n"+file, 3000) + "--b--\n", "multipart/mixed; boundary=b", "", "too many parts"},
		"large base64":       {strings.Repeat("YWFh", 4<<20), "text/plain", "base64", ""},
		"large attachment":   {strings.Repeat("YWFh", 4<<20), "application/zip", "base64", ""},
		"broken base64":      {"YWJj=ZGVm!\n=", "text/plain", "base64", ""},
		"broken quoted":      {"a=ZZ=\x00=4", "text/plain", "quoted-printable", ""},
		"unknown encoding":   {"abc", "text/plain", "x-none", ""},
		"unknown charset":    {"abc\xff", "text/plain; charset=\"\x1bnone\"", "", "is not known"},
		"longer in UTF-8":    {strings.Repeat("\xe4", 1<<20), "text/plain; charset=latin1", "", ""},
		"no boundary":        {"--b\n\nabc\n", "multipart/mixed", "", "no boundary"},
		"wrong boundary":     {"--c\n\nabc\n", "multipart/mixed; boundary=b", "", ""},
		"boundaries clash":   {"--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n", "multipart/mixed; boundary=b", "", "boundary"},
		"unclosed":           {"--b\n\nabc\n", "multipart/mixed; boundary=b", "", "unclosed"},
		"type is no type":    {"abc", "\x00;;;==", "", ""},
		"fields in parts":    {strings.Repeat("--b\n\n"+strings.Repeat("a:\n", 10_000)+"\n", 40), "multipart/digest; boundary=b", "", `"header_cut":true`},
		"words in parts":     {strings.Repeat("--b\n\n"+strings.Repeat("a:=?x?q?a?=\n", 5000)+"\n", 40), "multipart/digest; boundary=b", "", `"header_cut":true`},
		"control characters": {strings.Repeat("\x00", 2<<20), "text/plain", "", "text_cut"},
		"encoded multiparts": {"LS1iCg==", "multipart/mixed; boundary=b", "base64", "encoded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mail("", "Content-Type", c.contentType, "Content-Transfer-Encoding", c.encoding, "MIME-Version", "1.0")
			m.Body = []byte(c.body)
			m.BodySize = int64(len(m.Body))
			got := readable.Of(m)
			require.NotNil(t, got.Part)
			text, err := json.Marshal(got)
			require.NoError(t, err)
			assert.Less(t, len(text), mostJSON)
			count, depth := check(t, got.Part)
			assert.LessOrEqual(t, count, mostParts)
			assert.LessOrEqual(t, depth, 20)
			assert.Contains(t, string(text), c.problem)
		})
	}
}

// A header with very many fields is cut.
func TestHeaderIsCut(t *testing.T) {
	t.Parallel()
	m := mail("Hello\n")
	for range 400_000 {
		m.Header = append(m.Header, record.Field{Name: "a"})
	}
	got := readable.Of(m)
	assert.True(t, got.HeaderCut)
	assert.Greater(t, len(got.Header), 1000)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.Less(t, len(text), mostJSON)
	m.Header = m.Header[:1000]
	got = readable.Of(m)
	assert.False(t, got.HeaderCut)
	assert.Len(t, got.Header, 1000)
	assert.Equal(t, "Hello\n", got.Part.Text)
}

// If there is no room for the names of all files, those of the first parts are shown.
func TestNamesInOrder(t *testing.T) {
	t.Parallel()
	file := "--b\n\n" + strings.Repeat("begin 644 "+strings.Repeat("n", 900)+"\n", 8)
	text := "--b\n\n" + strings.Repeat("x", 1<<20-200_000) + "\n"
	got := readable.Of(mail(text+strings.Repeat(file, 20)+"--b--\n", "Content-Type", "multipart/mixed; boundary=b"))
	var known []bool
	for _, p := range got.Part.Parts[1:] {
		for _, name := range p.Uuencoded {
			known = append(known, name != "…")
		}
	}
	first := slices.Index(known, false)
	assert.Positive(t, first)
	assert.NotContains(t, known[first:], true)
}

// The text of all parts together is cut, and the size is that of all.
func TestTextIsCut(t *testing.T) {
	t.Parallel()
	size := 2 << 20
	m := mail(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("ab\n"), size/3)), "Content-Transfer-Encoding", "base64")
	p := readable.Of(m).Part
	assert.True(t, p.TextCut)
	assert.EqualValues(t, size/3*3, p.Size)
	assert.Greater(t, len(p.Text), 900<<10)
	assert.LessOrEqual(t, len(p.Text), 1<<20)
}

// No part of a character or a line end is left where a text is cut.
func TestWholeCharacters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ charset, text string }{
		"UTF-8":          {"utf-8", "ä"},
		"no charset":     {`""`, "ä"},
		"unknown":        {"x-none", "会議"},
		"UTF-16":         {"utf-16le", "\xe4\x00"},
		"Latin-1":        {"iso-8859-1", "\xe4"},
		"GB 18030":       {"gb18030", "\x81\x30\x86\x30"},
		"line ends":      {"utf-8", "\r\n"},
		"six characters": {"utf-8", "会議"},
	} {
		for _, before := range []string{"", "x", "xy", "xyz"} {
			m := mail("", "Content-Type", "text/plain; charset="+c.charset)
			m.Body = []byte(before + strings.Repeat(c.text, 1<<20/len(c.text)+1))
			p := readable.Of(m).Part
			last, _ := utf8.DecodeLastRuneInString(p.Text)
			assert.True(t, p.TextCut, name)
			assert.NotContains(t, "\r\ufffd…", string(last), "%s after %q", name, before)
			assert.Greater(t, len(p.Text), 500_000, name)
			if utf8.ValidString(c.text) {
				assert.Contains(t, p.Text[:10], strings.ReplaceAll(c.text, "\r\n", "\n"), "%s after %q", name, before)
			}
		}
	}
}

// The end of a record that was cut does not hide that a text is UTF-8.
func TestCutRecord(t *testing.T) {
	t.Parallel()
	m := mail("Grüße")
	m.Body, m.Cut = m.Body[:len("Grü")-1], true
	assert.Equal(t, "Gr", readable.Of(m).Part.Text)
	m.Body = []byte("Gr\xfc\xdf")
	assert.Equal(t, "Grü", readable.Of(m).Part.Text)
	m.Cut, m.BodySize = false, int64(len(m.Body))
	assert.Equal(t, "Grüß", readable.Of(m).Part.Text)
}

// It is said what a record does not have.
func TestMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*record.Message)
		want   string
		header int
	}{
		"nothing recorded": {func(m *record.Message) { m.Content, m.Body = record.ContentNone, nil }, "the header and the body were not recorded", 0},
		"header recorded":  {func(m *record.Message) { m.Content, m.Body = record.ContentHeader, nil }, "the body was not recorded", 1},
		"no body":          {func(m *record.Message) { m.Body, m.BodySize = nil, 0 }, "the filters saw no body", 1},
		"no room":          {func(m *record.Message) { m.Body, m.Cut = nil, true }, "the body was not kept: the record exceeded its limit", 1},
		"cut":              {func(m *record.Message) { m.Body, m.Cut = m.Body[:2], true }, "a part of the content may be missing: the record exceeded its limit", 1},
		"whole":            {func(*record.Message) {}, "", 1},
	} {
		m := mail("Hello\n", "Subject", "x")
		c.change(m)
		got := readable.Of(m)
		assert.Equal(t, c.want, got.Missing, name)
		assert.Len(t, got.Header, c.header, name)
		assert.Equal(t, len(m.Body) > 0, got.Part != nil, name)
	}
}

// Whatever mail is, there is an answer, in UTF-8 and within the bounds.
func FuzzOf(f *testing.F) {
	f.Add("multipart/mixed; boundary=b", "", "--b\n\nabc\n--b--\n")
	f.Add("text/plain; charset=utf-7", "base64", "+AGE-")
	f.Add("message/rfc822", "", "Subject: =?utf-8?q?=00?=\n\nbegin 644 a\n#86)C\n`\nend\n")
	f.Fuzz(func(t *testing.T, contentType, encoding, body string) {
		got := readable.Of(mail(body, "Content-Type", contentType, "Content-Transfer-Encoding", encoding))
		if got.Part == nil {
			return
		}
		count, depth := check(t, got.Part)
		assert.LessOrEqual(t, count, mostParts)
		assert.LessOrEqual(t, depth, 20)
	})
}
