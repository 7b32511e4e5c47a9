//go:build integration

package integration_test

import (
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wholeLetter is a message, and what a filter reads of it if that is not what the client
// sent.
type wholeLetter struct{ sent, postfix, sendmail string }

// refused stands for a message that the server refuses.
const refused = "refused"

// read returns what a filter reads on an MTA.
func (l *wholeLetter) read(mta string) string {
	changed := map[string]string{"postfix": l.postfix, "sendmail": l.sendmail}[mta]
	if changed == "" {
		return l.sent
	}
	return changed
}

// same returns a message that filters read as it was sent.
func same(sent string) wholeLetter { return wholeLetter{sent, sent, sent} }

// both returns a message that filters read differently, alike on both servers.
func both(sent, read string) wholeLetter { return wholeLetter{sent, read, read} }

// wholeLetters are the messages by which the page
// docs/howto/rewrite-a-body-in-a-stream.md says what a filter reads.
func wholeLetters() map[string]wholeLetter {
	return map[string]wholeLetter{
		"usual":                 same("Subject: hello\r\nX-To: b@example.test\r\n\r\nHow are you?\r\n"),
		"folded":                same("A: a\r\n\tb\r\n  c\r\nB:\r\n b\r\nC: x\r\n \r\n y\r\n\r\nx\r\n"),
		"8-bit":                 same("A: \xe9\xff\r\nB: \xc3\xa9\r\n\r\n\xe9\xff\r\n"),
		"control characters":    same("A: \x01\x7f\x1b\r\n\r\n\x01\r\n"),
		"no body":               same("A: b\r\n\r\n"),
		"empty lines":           same("A: b\r\n\r\n\r\n\r\n"),
		"empty values":          same("A:\r\nB: \r\nC:\t\r\n\r\nx\r\n"),
		"spaces":                same("A:b\r\nB:  c\r\nC:\td\r\nD: e  \r\nE: f\t\r\n\r\nx \r\n"),
		"odd names":             same("A/b!: c\r\nX-a.b: c\r\nX=1: 2\r\nx\"y: 3\r\n\r\nx\r\n"),
		"dots":                  same("A: b\r\n\r\n.\r\n..\r\n.x\r\n"),
		"long lines":            same("A: b\r\n\r\n" + strings.Repeat("y", 995) + "\r\n" + strings.Repeat("z", 20_000) + "\r\n"),
		"long field":            same("A: " + strings.Repeat("x", 3000) + "\r\n\r\nx\r\n"),
		"many lines of a field": same("A: " + strings.Repeat("x\r\n ", 2000) + "y\r\n\r\n"),
		"addresses":             same("To: a@b,c@d\r\n\te@f\r\nCc:  a@b ,  (x) c@d\r\nFrom: \"X\" <a@b>\r\n\r\n"),
		"trace fields":          same("Received: from a\r\n\tby b; x\r\nA: b\r\nReceived: from c by d; y\r\n\r\nx\r\n"),
		"multipart":             same("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"),
		"multipart, no end":     same("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"),
		"nothing":               both("", "\r\n"),
		"no empty line":         both("A: b\r\n", "A: b\r\n\r\n"),
		"no line end":           both("A: b\r\n\r\nx", "A: b\r\n\r\nx\r\n"),
		"body alone":            both("hello\r\n", "\r\nhello\r\n"),
		"begins with a fold":    both(" a\r\nA: b\r\n\r\nx\r\n", "\r\n a\r\nA: b\r\n\r\nx\r\n"),
		"line without a colon":  both("A: b\r\nno field\r\nB: c\r\n\r\nx\r\n", "A: b\r\n\r\nno field\r\nB: c\r\n\r\nx\r\n"),
		"no name":               both(": x\r\nA: b\r\n\r\nx\r\n", "\r\n: x\r\nA: b\r\n\r\nx\r\n"),
		"8-bit name":            both("A: b\r\n\xe9: d\r\n\r\nx\r\n", "A: b\r\n\r\n\xe9: d\r\n\r\nx\r\n"),
		"space before a colon":  both("A : b\r\nB\t: c\r\n\r\nx\r\n", "A: b\r\nB: c\r\n\r\nx\r\n"),
		"mailbox line": {
			"From a@b Mon\r\nA: b\r\n\r\nx\r\n",
			"X-Mailbox-Line: From a@b Mon\r\nA: b\r\n\r\nx\r\n",
			"A: b\r\n\r\nx\r\n",
		},
		"removed fields": {
			"A: b\r\nBcc: x@y\r\nReturn-Path: <a@b>\r\nContent-Length: 3\r\nResent-Bcc: x@y\r\nD: e\r\n\r\n",
			"A: b\r\nD: e\r\n\r\n",
			"A: b\r\nBcc: x@y\r\nReturn-Path: <a@b>\r\nContent-Length: 3\r\nResent-Bcc: x@y\r\nD: e\r\n\r\n",
		},
		"NUL": {
			"A: b\x00c\r\nB: d\r\n\r\nx\x00y\r\n",
			"A: b\r\nB: d\r\n\r\nx\x00y\r\n",
			"A: bc\r\nB: d\r\n\r\nx\x00y\r\n",
		},
		"bare CR in the header": {"A: b\rc\r\nB: d\r\r\n\r\nx\r\n", "A: b c\r\nB: d\r\n\r\nx\r\n", refused},
		"bare CR in the body":   {"A: b\r\n\r\nx\ry\r\nz\r\r\n", "A: b\r\n\r\nx y\r\nz\r\n", refused},
		"bare LF in the header": {"A: b\nB: c\r\n\r\nx\r\n", "A: b\r\nB: c\r\n\r\nx\r\n", refused},
		"bare LF in the body":   {"A: b\r\n\r\nx\ny\r\n", "A: b\r\n\r\nx\r\ny\r\n", refused},
		"very long field": {
			"A: " + strings.Repeat("x", 70_000) + "\r\nB: c\r\n\r\nx\r\n",
			"A: " + strings.Repeat("x", 60_000-len("A: ")) + "\r\nB: c\r\n\r\nx\r\n",
			refused,
		},
	}
}

// corpus returns the messages of the examples' tests. The test does not know what is read
// of them.
func corpus(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	root := os.DirFS("../../examples/headerd/testdata/corpus")
	require.NoError(t, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		all["corpus/"+path] = strings.ReplaceAll(string(text), "\n", "\r\n")
		return err
	}))
	require.Greater(t, len(all), 100)
	return all
}

// wholeCorpus returns all messages, by their names.
func wholeCorpus(t *testing.T) map[string]string {
	t.Helper()
	all := maps.Clone(corpus(t))
	for name, l := range wholeLetters() {
		all[name] = l.sent
	}
	return all
}
