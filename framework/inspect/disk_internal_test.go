package inspect

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// messages is the number of messages of a test: more than the ring has room for.
const messages = 300

// onDisk runs messages with an Inspector whose disk is bad, and returns the Inspector.
func onDisk(t *testing.T, folder string, writeTo func(*os.File, []byte) (int, error)) *Inspector {
	t.Helper()
	in, err := newInspector(Config{Folder: folder, Memory: 1 << 20, MaxMessage: 64 << 10, Logger: quiet()}, writeTo)
	require.NoError(t, err)
	filter := miltertest.FilterFunc("filter", func(r *framework.Router) error {
		r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) { return framework.Continue, nil })
		return nil
	})
	srv := miltertest.NewServer(t, filter, miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = in }))
	for range messages {
		conn := srv.Dial(t)
		conn.Run(t, miltertest.Message("Subject: "+strings.Repeat("x ", 3000)+"\n\ny\n")).AssertAccepted(t)
		require.NoError(t, conn.Quit(t.Context()))
	}
	srv.Close(t)
	return in
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// While the disk does not answer, all messages are accepted and recorded in memory. What
// leaves the ring meanwhile is counted, and the rest is written when the disk is back.
func TestBlockedDisk(t *testing.T) {
	t.Parallel()
	folder, blocked := t.TempDir(), make(chan struct{})
	in := onDisk(t, folder, func(f *os.File, p []byte) (int, error) {
		<-blocked
		return f.Write(p)
	})
	count, _, written := in.ring.figures()
	require.EqualValues(t, messages, written, "all messages were recorded")
	require.Less(t, count, messages, "some have left the ring")
	close(blocked)
	require.NoError(t, in.Close())
	_, problem, dropped := in.folder.state()
	assert.Empty(t, problem)
	found := uint64(0)
	for _, err := range record.Open(folder) {
		require.NoError(t, err)
		found++
	}
	assert.Positive(t, dropped)
	assert.Equal(t, uint64(messages), found+dropped)
}

// A disk that is full in the middle of a record, and then has room again, costs no mail,
// and leaves no half record.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var writes atomic.Int64
	in := onDisk(t, folder, func(f *os.File, p []byte) (int, error) {
		if writes.Add(1) == 2 {
			n, _ := f.Write(p[:len(p)/2])
			return n, syscall.ENOSPC
		}
		return f.Write(p)
	})
	require.Eventually(t, func() bool { return writes.Load() > 2 }, time.Minute, time.Millisecond)
	require.NoError(t, in.Close())
	_, _, dropped := in.folder.state()
	found := uint64(0)
	for _, err := range record.Open(folder) {
		require.NoError(t, err)
		found++
	}
	assert.Equal(t, uint64(messages), found+dropped)
}

// A disk that stays full is reported by Close.
func TestDiskStaysFull(t *testing.T) {
	t.Parallel()
	in := onDisk(t, t.TempDir(), func(*os.File, []byte) (int, error) { return 0, syscall.ENOSPC })
	err := in.Close()
	require.ErrorContains(t, err, "inspect: Config.Folder: ")
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, problem, _ := in.folder.state()
	assert.NotEmpty(t, problem)
}
