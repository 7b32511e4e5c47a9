package record_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The corpus holds the recording of a message of each kind. With -update, TestCorpus writes
// it anew.
func TestCorpus(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	for _, verdict := range []framework.Verdict{framework.Accept, framework.MustReply(554, "5.7.1", "no"), framework.Discard} {
		miltertest.RunRouter(t, filters(verdict), letter(), k.option())
	}
	for i, rec := range k.recs {
		_, err := record.Decode(rec)
		require.NoError(t, err)
		if *update {
			name := []string{"accepted", "rejected", "discarded"}[i]
			require.NoError(t, os.WriteFile(filepath.Join("testdata", "records", name), rec, 0o600))
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "records", "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files { // of this version or an earlier one
		rec, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := record.Decode(rec)
		require.NoError(t, err, file)
		assert.Equal(t, "4ABC", m.QueueID)
	}
}

// seeds adds the records of the corpus.
func seeds(f *testing.F, as func([]byte) []byte) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "records", "*"))
	require.NoError(f, err)
	for _, file := range files {
		rec, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(as(rec))
	}
}

// Any bytes are a record or an error. What is decoded is bounded by their length, can be shown
// as JSON, and its summary is the one that is decoded alone. The shortened record of a
// record is one, too.
func FuzzDecode(f *testing.F) {
	seeds(f, func(rec []byte) []byte { return rec })
	f.Fuzz(func(t *testing.T, rec []byte) {
		before := bytes.Clone(rec)
		m, err := record.Decode(rec)
		require.Equal(t, before, rec, "it is not changed")
		summary, briefErr := record.DecodeSummary(rec)
		if err != nil {
			require.ErrorIs(t, err, record.ErrMalformed)
			return
		}
		require.NoError(t, briefErr)
		require.Equal(t, m.Summary, *summary)
		text, err := json.Marshal(m)
		require.NoError(t, err)
		require.LessOrEqual(t, len(text), 2000*(len(rec)+100))
		short := tape.Shorten(nil, rec)
		_, err = record.Decode(short)
		require.NoError(t, err)
	})
}

// Any bytes are a file or an error, and reading them ends.
func FuzzRead(f *testing.F) {
	seeds(f, record.File)
	f.Add([]byte(tape.Magic + strings.Repeat("\x00", 19) + "x"))
	f.Fuzz(func(t *testing.T, file []byte) {
		n := 0
		for rec, err := range record.Read(bytes.NewReader(file)) {
			n++
			require.LessOrEqual(t, n, len(file)/8+1)
			if err == nil {
				require.LessOrEqual(t, len(rec), len(file))
			}
		}
	})
}
