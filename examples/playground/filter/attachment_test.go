package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/examples/playground/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestHasProgram(t *testing.T) {
	t.Parallel()
	part := func(header string) string { return "--b\r\n" + header + "\r\n\r\nx\r\n--b--\r\n" }
	inner := "Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Disposition: inline; filename=A.JS\r\n\r\nx\r\n--c--"
	tests := map[string]struct {
		kind, body string
		want       bool
	}{
		"a program":         {"multipart/mixed; boundary=b", part(`Content-Disposition: attachment; filename="a.pdf.EXE"`), true},
		"a document":        {"multipart/mixed; boundary=b", part(`Content-Disposition: attachment; filename="exe.pdf"`), false},
		"an encoded name":   {"multipart/mixed; boundary=b", part(`Content-Disposition: attachment; filename*=utf-8''a%2Eexe`), true},
		"in another part":   {"multipart/mixed; boundary=b", "--b\r\n" + inner + "\r\n--b--\r\n", true},
		"the second part":   {"multipart/mixed; boundary=b", "--b\r\n\r\ntext\r\n" + part("Content-Disposition: attachment; filename=x.scr"), true},
		"no parts":          {"text/plain", part("Content-Disposition: attachment; filename=a.exe"), false},
		"no type":           {"", "x", false},
		"no boundary":       {"multipart/mixed", part("Content-Disposition: attachment; filename=a.exe"), false},
		"cut in the middle": {"multipart/mixed; boundary=b", "--b\r\nContent-Dispo", false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, filter.HasProgram(c.kind, strings.NewReader(c.body)))
		})
	}
}

// TestConformance shows that each filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, f := range []framework.Filter{
		filter.Refuser{Recipient: "bob@example.net"}, filter.Stamper{Header: "X-Client-Address"}, filter.Tagger{Tag: "[suspicious] "},
	} {
		t.Run(f.Name(), func(t *testing.T) {
			t.Parallel()
			miltertest.TestFilter(t, f)
		})
	}
}
