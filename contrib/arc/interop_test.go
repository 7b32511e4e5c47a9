//go:build integration

package arc_test

import (
	"fmt"
	"maps"
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

// seal adds a set by dkimpy to each of the messages.
func (p *dkimpy) seal(t *testing.T, domain string, messages map[string]string) {
	t.Helper()
	for name, message := range messages {
		p.write(t, domain+"/"+name+".eml", message)
		p.write(t, domain+"/"+name+".how", domain+" arc "+p.key)
	}
	p.run(t, "seal", domain)
	for name := range messages {
		text, err := os.ReadFile(filepath.Join(p.dir, domain, name+".sealed"))
		require.NoError(t, err)
		messages[name] = string(text)
	}
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
	all, want := make(map[string]string), make(map[string]string)
	for name, message := range letters() {
		for _, by := range []string{"ours", "theirs", "turns"} {
			all[by+"-"+strings.ReplaceAll(name, " ", "-")] = message
		}
	}
	for i, domain := range domains {
		theirs := make(map[string]string)
		for name, message := range all {
			if strings.HasPrefix(name, "theirs") || strings.HasPrefix(name, "turns") && i%2 == 0 {
				theirs[name] = message
			} else {
				all[name] = sealBy(t, z, domain, message)
			}
		}
		p.seal(t, domain, theirs)
		maps.Copy(all, theirs)
		for name, message := range all {
			r := verify(t, z, message)
			require.Equal(t, arc.Pass, r.Status, "%s, %d hops: %s\n%s", name, i+1, r.Reason, message)
			require.Equal(t, i+1, r.Instances)
			require.Zero(t, r.OldestPass)
			require.NoError(t, r.Sets[i].ResultsError)
			changed := change(t, message, "To: bob", "To: rob")
			require.Equal(t, arc.Fail, verify(t, z, changed).Status)
			for file, c := range map[string][2]string{"": {message, "pass"}, "-changed": {changed, "fail"}} {
				file = fmt.Sprintf("%s-%d%s.eml", name, i+1, file)
				p.write(t, "verify/"+file, c[0])
				want[file] = c[1]
			}
		}
	}
	got := make(map[string]string)
	for line := range strings.Lines(p.run(t, "verify", "verify")) {
		file, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[file] = result
	}
	assert.Equal(t, want, got)
	assert.Len(t, got, 2*3*len(letters())*len(domains))
}
