package edit_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ encoding, content, want string }{
		{"", "=41", "=41"},
		{"8bit", "=41", "=41"},
		{"x-uuencode", "=41", "=41"},
		{"base64", "QUJD\r\nRA==\r\n", "ABCD"},
		{"base64", "QQ==QkI=Q", "ABB"},
		{"base64", "Q!U\x00J", "AB"},
		{"quoted-printable", "=41=3d=C3=bc", "A=ü"},
		{"quoted-printable", "a=\r\nb=\nc= \t\r\nd", "abcd"},
		{"quoted-printable", "a=4\r\n=ZZ==41 =\rx =", "a=4\r\n=ZZ=A =\rx "},
		{"quoted-printable", "x=4", "x=4"},
		{"quoted-printable", "=" + strings.Repeat(" ", 80) + "\n", "=" + strings.Repeat(" ", 80) + "\n"},
	} {
		for _, source := range []io.Reader{strings.NewReader(c.content), iotest.OneByteReader(strings.NewReader(c.content))} {
			got, err := io.ReadAll(iotest.OneByteReader(edit.Decode(c.encoding, source)))
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got), c.content)
		}
	}
}

// FuzzEncode checks that content that is encoded is in short lines, of which none is a
// delimiter, and that our decoder and that of the standard library decode it.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{"", "a", "--b--\r\n--\n-", "\r\r\n\r", " \t\n \n x", "für = dich", strings.Repeat("- ", 100), strings.Repeat("x", 76) + "\n", strings.Repeat("ü", 30)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, encoding := range []string{"base64", "quoted-printable"} {
			encoded, err := io.ReadAll(edit.Encode(encoding, iotest.HalfReader(bytes.NewReader(content))))
			require.NoError(t, err)
			for line := range strings.Lines(string(encoded)) {
				text := strings.TrimSuffix(line, "\r\n")
				assert.LessOrEqual(t, len(text), 76)
				assert.False(t, strings.HasPrefix(text, "-") || strings.ContainsAny(text, "\r\n\x00"), "%q", text)
				assert.Equal(t, strings.TrimRight(text, " \t"), text)
			}
			want, standard := content, io.Reader(quotedprintable.NewReader(bytes.NewReader(encoded)))
			if encoding == "base64" {
				standard = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(encoded))
			} else {
				want = bytes.ReplaceAll(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
			}
			for _, r := range []io.Reader{standard, edit.Decode(encoding, bytes.NewReader(encoded)), edit.Decode(encoding, iotest.OneByteReader(bytes.NewReader(encoded)))} {
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				require.Equal(t, string(want), string(got), "%q", encoded)
			}
		}
	})
}
