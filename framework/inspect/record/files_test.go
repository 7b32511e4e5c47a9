package record_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// three returns a file with three records.
func three(t *testing.T) []byte {
	t.Helper()
	file := []byte(tape.Magic)
	for _, name := range []string{"accepted", "rejected", "discarded"} {
		rec, err := os.ReadFile(filepath.Join("testdata", "records", name))
		require.NoError(t, err)
		file = tape.AppendFrame(file, rec)
	}
	return file
}

// states reads a file or folder, and returns the states of the messages and the errors.
func states(path string) (list []record.State, errs []error) {
	for m, err := range record.Open(path) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, m.Outcome.State)
	}
	return list, errs
}

var all = []record.State{record.StateAccepted, record.StateRejected, record.StateDiscarded}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	list, errs := states(write(t, filepath.Join(t.TempDir(), "any name"), three(t)))
	assert.Empty(t, errs)
	assert.Equal(t, all, list)
}

// A folder's files are read in the order of their names; other files are not.
func TestOpenFolder(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), three(t)
	write(t, filepath.Join(dir, "20260102"+record.Ext), file)
	write(t, filepath.Join(dir, "20260101"+record.Ext), file[:len(file)-5])
	write(t, filepath.Join(dir, "20260103"+record.Ext), nil)
	write(t, filepath.Join(dir, "README"), []byte("not a record"))
	list, errs := states(dir)
	assert.Equal(t, append(all[:2:2], all...), list)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], record.ErrTorn)
	assert.ErrorContains(t, errs[0], "20260101"+record.Ext)
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), three(t)
	damaged := bytes.Clone(file)
	damaged[len(tape.Magic)+tape.FrameHeaderLen+20] ^= 1
	huge := append([]byte(tape.Magic), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	nothing := tape.AppendFrame([]byte(tape.Magic), []byte("no record"))
	tests := map[string]struct {
		data []byte
		want error
		rest []record.State
	}{
		"another file":             {[]byte("From ann@example.org\n"), record.ErrMalformed, nil},
		"a damaged record":         {damaged, record.ErrMalformed, all[1:]},
		"a length without a limit": {huge, record.ErrMalformed, nil},
		"no record":                {nothing, record.ErrMalformed, nil},
		"half a first line":        {[]byte(tape.Magic[:5]), record.ErrTorn, nil},
		"half a length":            {file[:len(tape.Magic)+3], record.ErrTorn, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, filepath.Join(dir, name), tt.data)
			list, errs := states(path)
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], tt.want)
			assert.ErrorContains(t, errs[0], path)
			assert.LessOrEqual(t, strings.Count(errs[0].Error(), "malformed"), 1, errs[0].Error())
			assert.Equal(t, tt.rest, list)
		})
	}
	_, errs := states(filepath.Join(dir, "not there"))
	require.Len(t, errs, 1)
	assert.ErrorIs(t, errs[0], os.ErrNotExist)
}

// An error of the disk is returned as it is.
func TestReadError(t *testing.T) {
	t.Parallel()
	failed := errors.New("the disk is on fire")
	for _, err := range record.Read(iotest.ErrReader(failed)) {
		assert.ErrorIs(t, err, failed)
	}
}

// A record can be written to a file alone, as the page offers it.
func TestFile(t *testing.T) {
	t.Parallel()
	for rec, err := range record.Read(bytes.NewReader(three(t))) {
		require.NoError(t, err)
		for again, err := range record.Read(bytes.NewReader(record.File(rec))) {
			require.NoError(t, err)
			assert.Equal(t, rec, again)
		}
	}
}

// An iteration that ends early reads no further.
func TestOpenEndsEarly(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "file"), three(t))
	for m, err := range record.Open(path) {
		require.NoError(t, err)
		assert.Equal(t, record.StateAccepted, m.Outcome.State)
		break
	}
}
