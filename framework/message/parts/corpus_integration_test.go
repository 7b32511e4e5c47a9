//go:build integration

package parts_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// pythonLeaf is a leaf of a mail as Python's email package reads it.
type pythonLeaf struct {
	Path, Kind, Name string
	Sum              string // of the content, decoded
	Seen             int    // how often the words of the banner are in it
}

type pythonMail struct {
	Leaves []pythonLeaf
	Faults []string
}

// TestCorpusInPython asks Python's email package about each mail of the corpus without and
// with a banner. It must find the same parts, names and faults, the same content in all
// parts but those with the banner, and in these the banner once.
func TestCorpusInPython(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plans := make(map[string]*banner.Plan)
	files := []string{"testdata/readmail.py", bannerWords}
	for i, m := range corpusMails(t) {
		for _, place := range []banner.Place{banner.Top, banner.Bottom} {
			plan, err := m.plan(corpusBanner(t, place, false))
			if err != nil || !plan.Changes() {
				continue
			}
			file := filepath.Join(dir, fmt.Sprintf("%d-%d", i, place))
			plans[file] = plan
			writeMail(t, file, m)
			writeMail(t, file+"-with", m.apply(t, plan))
			files = append(files, file, file+"-with")
		}
	}
	require.Greater(t, len(plans), 200)
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", files...).Output()
	require.NoError(t, err)
	var read map[string]pythonMail
	require.NoError(t, json.Unmarshal(out, &read))
	for file, plan := range plans {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, read[file].Faults, read[file+"-with"].Faults, "%s", text)
		comparePython(t, string(text), read[file].Leaves, read[file+"-with"].Leaves, plan)
	}
}

// comparePython compares what Python finds in a mail before and after.
func comparePython(t *testing.T, text string, before, after []pythonLeaf, plan *banner.Plan) {
	t.Helper()
	require.Len(t, after, len(before), "%s", text)
	with := make(map[string]bool)
	for _, o := range plan.Parts() {
		with[o.Path] = true
	}
	for i, l := range after {
		want := before[i]
		if with[l.Path] {
			want.Sum, want.Seen = l.Sum, 1
			delete(with, l.Path)
		}
		assert.Equal(t, want, l, "%s", text)
	}
	assert.Empty(t, with, "parts that Python does not find:\n%s", text)
}

func writeMail(t *testing.T, file string, m corpusMail) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(m.header+"\r\n"+m.body), 0o600))
}
