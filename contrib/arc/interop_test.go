//go:build integration

package arc_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
)

// dkimpy is Debian's python3-dkim, with the keys of the tests.
type dkimpy struct {
	dir, key, records string
}

func newDkimpy(t *testing.T) *dkimpy {
	t.Helper()
	p := &dkimpy{dir: t.TempDir()}
	p.key = filepath.Join(p.dir, "key.pem")
	require.NoError(t, dkim.SaveKey(p.key, private(t, "rsa")))
	var records strings.Builder
	for name, texts := range published(t, domains...) {
		records.WriteString(name + " " + texts[0] + "\n")
	}
	p.records = p.write(t, "records", records.String())
	return p
}

func (p *dkimpy) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// run runs dkimpy on the messages in a directory.
func (p *dkimpy) run(t *testing.T, what, dir string) string {
	t.Helper()
	out, err := exec.Command("/usr/bin/python3", "testdata/peer.py", what, filepath.Join(p.dir, dir), p.records).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// seal returns a message with a set by dkimpy.
func (p *dkimpy) seal(t *testing.T, domain, message string) string {
	t.Helper()
	dir := fmt.Sprintf("seal-%s-%d", domain, len(message))
	p.write(t, dir+"/x.eml", message)
	p.write(t, dir+"/x.how", domain+" arc "+p.key)
	p.run(t, "seal", dir)
	text, err := os.ReadFile(filepath.Join(p.dir, dir, "x.sealed"))
	require.NoError(t, err)
	return string(text)
}

// letters are messages that are hard to sign.
func letters() map[string]string {
	return map[string]string{
		"plain":        letter,
		"no body":      strings.TrimSuffix(letter, "How are you?\r\n"),
		"two subjects": "Subject: one\r\n" + letter,
		"folded": "From: Ann\r\n <ann@example.org>\r\nSUBJECT:   a  b\r\n\t c  \r\nTo: bob@example.net,\r\n\tcarl@example.net\r\n" +
			"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=AA==; b=AA==\r\n\r\ntext \t \r\n  more\r\n\r\n\r\n",
		"long header": strings.Repeat("References: <"+strings.Repeat("x", 60)+"@example.org>\r\n", 20) + letter,
	}
}

// TestChainsWithDkimpy seals each message up to five times: by this package, by dkimpy, and by
// the two in turns. Both verify each chain, and find that a changed one fails.
func TestChainsWithDkimpy(t *testing.T) {
	t.Parallel()
	p := newDkimpy(t)
	z := published(t, domains...)
	sealers := map[string]func(i int, domain, message string) string{
		"ours":   func(_ int, domain, message string) string { return sealBy(t, z, domain, message) },
		"theirs": func(_ int, domain, message string) string { return p.seal(t, domain, message) },
		"in turns": func(i int, domain, message string) string {
			if i%2 == 0 {
				return p.seal(t, domain, message)
			}
			return sealBy(t, z, domain, message)
		},
	}
	want := make(map[string]string)
	for by, seal := range sealers {
		for name, message := range letters() {
			for i, domain := range domains {
				message = seal(i, domain, message)
				r := verify(t, z, message)
				require.Equal(t, arc.Pass, r.Status, "%s, %s, %d hops: %s\n%s", by, name, i+1, r.Reason, message)
				require.Equal(t, i+1, r.Instances)
				require.Zero(t, r.OldestPass)
				require.NoError(t, r.Sets[i].ResultsError)

				file := strings.ReplaceAll(fmt.Sprintf("%s-%s-%d", by, name, i+1), " ", "_")
				changed := strings.Replace(message, "To: bob", "To: rob", 1)
				require.Equal(t, arc.Fail, verify(t, z, changed).Status)
				p.write(t, "verify/"+file+"-changed.eml", changed)
				want[file+"-changed.eml"] = "fail"
				p.write(t, "verify/"+file+".eml", message)
				want[file+".eml"] = "pass"
			}
		}
	}
	got := make(map[string]string)
	for line := range strings.Lines(p.run(t, "verify", "verify")) {
		file, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[file] = result
	}
	assert.Equal(t, want, got)
}
