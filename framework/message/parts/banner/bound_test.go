package banner_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// repeated reads a text again and again, up to a size.
type repeated struct {
	text string
	left int
	next int
	read int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	for n < len(p) && r.left > 0 {
		p[n] = r.text[r.next%len(r.text)]
		n, r.next, r.left = n+1, r.next+1, r.left-1
	}
	r.read += n
	return n, nil
}

// TestBound tests that no content makes the banner keep more than some kilobytes: it is
// never further ahead of what it returns.
func TestBound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, encoding, text string }{
		"signatures":             {"text/plain", "", "-- \r\n"},
		"a long signature":       {"text/plain", "quoted-printable", "-- \r\n" + strings.Repeat("x\r\n", 3000)},
		"soft line breaks":       {"text/plain", "quoted-printable", "=\r\n"},
		"white space in a break": {"text/plain", "quoted-printable", "=" + strings.Repeat(" ", 5000)},
		"ends of the body":       {"text/html", "", "</body>\r\n"},
		"a long rest":            {"text/html", "", "</body>" + strings.Repeat("x\r\n", 3000)},
		"names of tags":          {"text/html", "", "<" + strings.Repeat("body", 3000)},
		"tags in soft breaks":    {"text/html", "quoted-printable", "<" + strings.Repeat("=\r\n", 3000) + "/body>"},
		"head without end":       {"text/html", "", "<!-- --> <meta>\r\n"},
		"base64":                 {"text/plain", "base64", "LS0g\r\n"},
		"white space in base64":  {"text/html", "base64", "PGJv" + strings.Repeat("\r\n", 3000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, place := range []banner.Place{banner.Top, banner.Bottom} {
				source := &repeated{}
				plan, err := newBanner(t, plainAt(place)).Plan(banner.Message{
					Header: []parts.Field{
						{Name: "MIME-Version", Value: "1.0"},
						{Name: "Content-Type", Value: c.kind},
						{Name: "Content-Transfer-Encoding", Value: c.encoding},
					},
					Body: func() io.Reader {
						source = &repeated{text: c.text, left: 128 << 10 / len(c.text) * len(c.text)}
						return source
					},
				})
				require.NoError(t, err)
				body, chunk := plan.Body(), make([]byte, 4<<10)
				for written := 0; ; {
					n, err := body.Read(chunk)
					written += n
					require.LessOrEqual(t, source.read-written, 64<<10)
					if err != nil {
						require.ErrorIs(t, err, io.EOF)
						assert.Greater(t, written, 100<<10)
						break
					}
				}
			}
		})
	}
}
