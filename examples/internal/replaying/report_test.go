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
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// A file that ends in zeros, as some file systems leave it after a crash, has many records that
// cannot be read. The report says so once, and counts them.
func TestReportOfZeros(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "zeros.sluice")
	require.NoError(t, os.WriteFile(path, append(record.File(nil), make([]byte, 10_000)...), 0o600))
	cfg := replay.Config{Dial: func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }}
	var text, doc bytes.Buffer
	status, err := replaying.Report(t.Context(), &text, cfg, path, false)
	require.NoError(t, err)
	assert.Equal(t, replay.ExitNotReplayable, status)
	assert.LessOrEqual(t, bytes.Count(text.Bytes(), []byte("\n")), 6, text.String())
	_, err = replaying.Report(t.Context(), &doc, cfg, path, true)
	require.NoError(t, err)
	var got struct {
		Messages []any
		Summary  struct{ Records int }
	}
	require.NoError(t, json.Unmarshal(doc.Bytes(), &got))
	assert.LessOrEqual(t, len(got.Messages), 2)
	assert.Greater(t, got.Summary.Records, 1000)
}

// A script whose variable is empty asks for a replay all the same.
func TestEmptyPath(t *testing.T) {
	t.Parallel()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	new(replaying.Flags).AddFlags(fs)
	require.ErrorContains(t, fs.Parse([]string{"-replay", ""}), "-replay: want a file or a folder of records")
}
