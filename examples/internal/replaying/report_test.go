package replaying_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// A file that ends in zeros, as some file systems leave it after a crash, has one part that cannot
// be read. The report says so, and counts it as one record.
func TestReportOfZeros(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "zeros.sluice")
	require.NoError(t, os.WriteFile(path, append(record.File(nil), make([]byte, 10_000)...), 0o600))
	cfg := replay.Config{Dial: func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }}
	var text, doc bytes.Buffer
	status, err := replaying.Report(t.Context(), &text, cfg, path, false)
	require.NoError(t, err)
	assert.Equal(t, replay.ExitNotReplayable, status)
	assert.Equal(t, 2, strings.Count(text.String(), "zeros in place of records, from byte 16 on"), "of the part, and in the summary: "+text.String())
	_, err = replaying.Report(t.Context(), &doc, cfg, path, true)
	require.NoError(t, err)
	var got struct {
		Messages []any
		Summary  struct{ Records int }
	}
	require.NoError(t, json.Unmarshal(doc.Bytes(), &got))
	assert.Len(t, got.Messages, 1)
	assert.Equal(t, 1, got.Summary.Records)
}

// A script whose variable is empty asks for a replay all the same.
func TestEmptyPath(t *testing.T) {
	t.Parallel()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	new(replaying.Flags).AddFlags(fs)
	require.ErrorContains(t, fs.Parse([]string{"-replay", ""}), "-replay: want a file or a folder of records")
}
