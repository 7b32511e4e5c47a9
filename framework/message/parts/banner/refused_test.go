package banner_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts/banner"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// TestRefused tests messages that cannot have a banner.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string
		want    error
		path    string
	}{
		"UTF-16":              {"Content-Type: text/plain; charset=utf-16\n\nHello", banner.ErrCharset, ""},
		"UTF-16 in HTML":      {"Content-Type: text/html; charset=utf-16le\n\nHello", banner.ErrCharset, ""},
		"unknown charset":     {"Content-Type: text/plain; charset=klingon\n\nHello", banner.ErrCharset, ""},
		"no fallback":         {"Content-Type: text/plain; charset=iso-8859-1\n\nHello", banner.ErrCharset, ""},
		"Latin-1 as ASCII":    {"Content-Type: text/plain\n\n\xe4", banner.ErrCharset, ""},
		"unknown encoding":    {"Content-Transfer-Encoding: x-uuencode\n\nHello", banner.ErrEncoding, ""},
		"text behind base64":  {multipart("mixed", "b", "Content-Transfer-Encoding: base64\n\nSGk=\n-- \nA list"), banner.ErrEncoding, "1"},
		"junk in base64":      {"Content-Transfer-Encoding: base64\n\nSG_k=\n", banner.ErrEncoding, ""},
		"CR alone":            {"Content-Type: text/plain\n\nHel\rlo", banner.ErrBareCR, ""},
		"CR at the end":       {"Content-Type: text/plain\n\nHello\r", banner.ErrBareCR, ""},
		"signed":              {multipart("signed", "b", plain, "Content-Type: application/pgp-signature\n\nx"), edit.ErrSigned, ""},
		"signed part":         {multipart("mixed", "b", plain, multipart("signed", "s", plain, file)), edit.ErrSigned, "2"},
		"PGP in the text":     {"Content-Type: text/plain\n\n-----BEGIN PGP SIGNED MESSAGE-----\n\nHello", edit.ErrSigned, ""},
		"structure unclear":   {multipart("mixed", "b", plain, plain) + "--b\n\nHello", edit.ErrUnreadable, "1"},
		"depends on a reader": {"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + plain, edit.ErrUnreadable, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := divide("MIME-Version: 1.0\n" + c.message)
			b := newBanner(t, banner.Config{Text: "10 €", Place: banner.Bottom})
			_, err := b.Plan(m.message())
			require.ErrorIs(t, err, c.want)
			assert.True(t, banner.Refused(err))
			if problem, ok := errors.AsType[*edit.PartError](err); ok {
				assert.Equal(t, c.path, problem.Path)
				assert.NotErrorAs(t, problem.Err, new(*edit.PartError))
			} else {
				assert.ErrorIs(t, err, banner.ErrBareCR)
			}
		})
	}
}

// TestLeftAlone tests messages that need no banner, though they could not have one.
func TestLeftAlone(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"encrypted": multipart("encrypted", "b", "Content-Type: application/pgp-encrypted\n\nVersion: 1", "Content-Type: application/octet-stream\n\nx"),
		"S/MIME":    "Content-Type: application/pkcs7-mime\n\nx",
		"CR alone":  picture + "\rx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := divide("MIME-Version: 1.0\n" + message)
			p, err := newBanner(t, plainAt(banner.Top)).Plan(m.message())
			require.NoError(t, err)
			assert.False(t, p.Changes())
			assert.Equal(t, m, m.apply(t, p))
		})
	}
}

// TestEncryptedGetsNoPart tests that no part is added to an encrypted message.
func TestEncryptedGetsNoPart(t *testing.T) {
	t.Parallel()
	config := plainAt(banner.Top)
	config.AddPart = true
	_, err := newBanner(t, config).Plan(divide("MIME-Version: 1.0\nContent-Type: application/pkcs7-mime\n\nx").message())
	assert.ErrorIs(t, err, edit.ErrSigned)
}

// TestReaderFails tests a body that cannot be read.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	m := banner.Message{Body: func() io.Reader { return iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("Hello"))) }}
	_, err := newBanner(t, plainAt(banner.Top)).Plan(m)
	assert.ErrorIs(t, err, iotest.ErrTimeout)
	assert.False(t, banner.Refused(err))
}

// TestOnce tests a banner that comes back in a reply.
func TestOnce(t *testing.T) {
	t.Parallel()
	config := banner.Config{
		Text: "Legal: https://example.org/legal", HTML: `<p>Legal: <a href="https://example.org/legal">x</a></p>`,
		Fallback: "See example.org/legal", Once: "example.org/legal",
	}
	for _, place := range []banner.Place{banner.Top, banner.Bottom} {
		config.Place = place
		b := newBanner(t, config)
		m := divide("MIME-Version: 1.0\n" + multipart("alternative", "b",
			"Content-Transfer-Encoding: base64\n\nSGVsbG8K", "Content-Type: text/html\n"+quoted+"\n<p>Hello</p>"))
		p, err := b.Plan(m.message())
		require.NoError(t, err)
		assert.Equal(t, []banner.Outcome{{"1", "text/plain", banner.Text}, {"2", "text/html", banner.HTML}}, p.Parts())
		reply := m.apply(t, p)

		p, err = b.Plan(reply.message())
		require.NoError(t, err)
		assert.Equal(t, []banner.Outcome{{"1", "text/plain", banner.Present}, {"2", "text/html", banner.Present}}, p.Parts())
		assert.False(t, p.Changes())
		assert.Equal(t, reply, reply.apply(t, p))
	}
}

// TestOnceInQuotes tests that the word is found where a reply quotes it, and over a soft
// line break, but not in pieces.
func TestOnceInQuotes(t *testing.T) {
	t.Parallel()
	b := newBanner(t, banner.Config{Text: "aab-aac", Once: "aab-aac", Place: banner.Bottom})
	for content, want := range map[string]banner.Variant{
		"> aab-aab-aac\n": banner.Present,
		"aab=\n-aac\n":    banner.Present,
		"aab-=61ac\n":     banner.Present,
		"aab-\naac\n":     banner.Text,
		"AAB-AAC\n":       banner.Text,
	} {
		p, err := b.Plan(divide("MIME-Version: 1.0\n" + quoted + "\n" + content).message())
		require.NoError(t, err)
		assert.Equal(t, want, p.Parts()[0].Variant, content)
	}
}

// TestConfig tests settings that are not valid.
func TestConfig(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 241)
	for want, c := range map[string]banner.Config{
		"Text is empty":                    {},
		"Text is not valid UTF-8":          {Text: "\xe4"},
		"Text has a line of more than 240": {Text: long},
		"Text has a control character":     {Text: "a\rb"},
		"HTML has a control character":     {Text: "a", HTML: "<p>\x00"},
		"HTML ends in a tag":               {Text: "a", HTML: "<p>a<!-- b"},
		"Fallback is not in ASCII":         {Text: "a", Fallback: "ä"},
		"Fallback has a line of more":      {Text: "a", Fallback: long},
		"Place is 7":                       {Text: "a", Place: 7},
		"Once is not a word":               {Text: "a b", Once: "a b"},
		"HTML does not contain Once":       {Text: "word", HTML: "<p>", Once: "word"},
		"Fallback does not contain Once":   {Text: "word", Fallback: "x", Once: "word"},
	} {
		_, err := banner.New(c)
		assert.ErrorIs(t, err, banner.ErrConfig)
		assert.ErrorContains(t, err, want)
	}
}
