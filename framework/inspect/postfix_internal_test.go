//go:build integration

package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// deliver sends messages of several clients through a real Postfix that the Inspector
// records, and asserts that all are accepted and recorded.
func deliver(t *testing.T, in *Inspector) {
	t.Helper()
	const clients, each = 8, 25
	srv, err := framework.NewServer(addsField(t), framework.Config{Recorder: in, Logger: quiet()})
	require.NoError(t, err)
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{})
	ln := postfix.Listen(t, "unix")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	postfix.SetFilters(t, ln.Addr())
	var wg sync.WaitGroup
	for n := range clients {
		client := realmta.DialSMTP(t, postfix.Addr())
		client.Cmd("EHLO client.example.test")
		wg.Go(func() {
			for i := range each {
				code, text := client.Deliver(realmta.Message{
					From: "ann@example.org", To: []string{"bob@example.test"},
					Data: fmt.Appendf(nil, "Subject: %d of client %d\r\n\r\nHello\r\n", i, n),
				})
				assert.Equal(t, 250, code, text)
			}
			client.Cmd("QUIT")
		})
	}
	wg.Wait()
	require.NoError(t, srv.Shutdown(t.Context()))
	require.ErrorIs(t, <-served, framework.ErrServerClosed)
	list, next, _ := source{in}.Recent(t.Context(), page.Query{Limit: clients*each + 100})
	assert.Empty(t, next)
	subjects := make(map[string]bool)
	for _, sum := range list {
		if sum.Number == 0 {
			continue
		}
		subjects[sum.Subject] = true
		assert.Equal(t, record.StateAccepted, sum.Outcome.State)
		assert.NotEmpty(t, sum.QueueID)
		assert.Equal(t, []string{"seen"}, sum.EditedBy)
	}
	assert.Len(t, subjects, clients*each, "each message is recorded")
}

// addsField returns a filter that sees the header and adds a field.
func addsField(t *testing.T) *framework.Router {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("seen", func(r *framework.Router) error {
		r.WantMacro(framework.StageEndOfMessage, "i")
		r.WantHeaders()
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Seen", "yes")
		})
		return nil
	}))
	return r
}

// Mail goes through Postfix as if nothing recorded, while the disk of the folder does not
// answer. When it does, the records are written.
func TestPostfixAndABlockedDisk(t *testing.T) {
	t.Parallel()
	folder, blocked := t.TempDir(), make(chan struct{})
	in, err := newInspector(Config{Folder: folder, Logger: quiet()}, func(f *os.File, p []byte) (int, error) {
		<-blocked
		return f.Write(p)
	})
	require.NoError(t, err)
	deliver(t, in)
	close(blocked)
	require.NoError(t, in.Close())
	count, _, _ := in.ring.figures()
	found := 0
	for _, err := range record.Open(folder) {
		require.NoError(t, err)
		found++
	}
	assert.Equal(t, count, found)
}

// The same on a file system that is full.
func TestPostfixAndAFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=32k"))
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(disk, 0)) })
	in, err := New(Config{Folder: filepath.Join(disk, "records"), Logger: quiet()})
	require.NoError(t, err)
	deliver(t, in)
	_ = in.Close() // it reports the disk, if the last write failed
	_, problem, _ := in.folder.state()
	assert.NotEmpty(t, problem)
	found := 0
	for _, err := range record.Open(in.config.Folder) {
		require.NoError(t, err, "no record is torn")
		found++
	}
	assert.Positive(t, found)
}
