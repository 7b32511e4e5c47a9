package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// Zeros are one fault, however many there are: each head of a frame that has only zeros would be a
// record otherwise. The records around them are read.
func TestOpenZeros(t *testing.T) {
	t.Parallel()
	file := three(t)
	var first []byte
	for rec, err := range record.Read(bytes.NewReader(file)) {
		require.NoError(t, err)
		first = record.File(rec)
		break
	}
	rest := file[len(first):]
	zeros := func(n int) []byte { return make([]byte, n) }
	for name, tt := range map[string]struct {
		parts [][]byte
		at    []int
		want  []record.State
	}{
		"one empty record":         {[][]byte{file, zeros(8)}, []int{len(file)}, all},
		"at the end":               {[][]byte{file, zeros(10_003)}, []int{len(file)}, all},
		"a long row":               {[][]byte{file, zeros(5 << 20)}, []int{len(file)}, all},
		"between records":          {[][]byte{first, zeros(4 << 10), rest}, []int{len(first)}, all},
		"many between records":     {[][]byte{first, zeros(3 << 20), rest}, []int{len(first)}, all},
		"between and at the end":   {[][]byte{first, zeros(16), rest, zeros(80)}, []int{len(first), len(file) + 16}, all},
		"in a file without record": {[][]byte{[]byte(tape.Magic), zeros(800)}, []int{len(tape.Magic)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, filepath.Join(t.TempDir(), "file"), bytes.Join(tt.parts, nil))
			list, errs := states(path)
			assert.Equal(t, tt.want, list)
			require.Len(t, errs, len(tt.at))
			for i, err := range errs {
				require.ErrorIs(t, err, record.ErrMalformed)
				assert.EqualError(t, err, fmt.Sprintf("%s: record: malformed record: zeros in place of records, from byte %d on", path, tt.at[i]))
			}
		})
	}
}

// An error of the disk is returned as it is.
func TestReadError(t *testing.T) {
	t.Parallel()
	failed := errors.New("the disk is on fire")
	for name, before := range map[string]string{
		"the first line": "", "a length": tape.Magic, "a record": tape.Magic + "\x00\x00\x00\x09abcde", "zeros": tape.Magic + strings.Repeat("\x00", 20),
	} {
		var last error
		for _, err := range record.Read(io.MultiReader(strings.NewReader(before), iotest.ErrReader(failed))) {
			last = err
		}
		assert.ErrorIs(t, last, failed, name)
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
