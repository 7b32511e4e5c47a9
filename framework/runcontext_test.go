package framework_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// A message that has begun when the context ends is finished.
func TestRunContextDrains(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sock")
	r, begun, going := framework.NewRouter(), make(chan struct{}), make(chan struct{})
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		close(begun)
		<-going
		return framework.TempFail, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- framework.RunContext(ctx, "unix:"+path, r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	}()
	require.Eventually(t, func() bool {
		conn, err := mta.Dial(ctx, "unix:"+path, mta.Config{})
		if err != nil {
			return false
		}
		go func() {
			resp, err := conn.Mail(t.Context(), "<a@example.org>")
			assert.NoError(t, err)
			assert.Equal(t, wire.RepTempFail, resp.Code)
			assert.NoError(t, conn.Quit(context.WithoutCancel(ctx)))
		}()
		return true
	}, time.Minute, 5*time.Millisecond)
	<-begun
	cancel()
	assert.Never(t, func() bool { return len(ended) > 0 }, 50*time.Millisecond, 10*time.Millisecond)
	close(going)
	require.NoError(t, <-ended)
	assert.NoFileExists(t, path)
}

func TestRunContextRefuses(t *testing.T) {
	t.Parallel()
	wrong := framework.NewRouter()
	wrong.OnHelo(nil)
	var mistake *framework.RegistrationError
	require.ErrorAs(t, framework.RunContext(t.Context(), "unix:/nowhere/x.sock", wrong, framework.Config{}), &mistake)
	require.ErrorContains(t, framework.RunContext(t.Context(), "nowhere", framework.NewRouter(), framework.Config{}), "nowhere")
}
