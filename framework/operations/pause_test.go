//go:build integration

package operations_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// If a filter wants only the end of the message, Postfix sends nothing before
// that. A session that looks idle may therefore be in the middle of a message,
// and the grace of a drain gives that message time.
func TestUnseenMessageWhileDraining(t *testing.T) {
	t.Parallel()
	mta := postfix(t, "unix:milter/f.sock")
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Filtered-By", "fxapp")
	})
	cfg := quiet()
	cfg.DrainGrace = time.Minute
	srv := newServer(t, r, cfg)
	ln, _ := mta.ListenUnix(t, "f.sock")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()

	client := realmta.DialSMTP(t, mta.Addr())
	defer client.Close()
	for _, command := range []string{"EHLO client.example.test", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>"} {
		code, text := client.Cmd(command)
		require.Equal(t, 250, code, text)
	}
	require.Equal(t, int64(1), srv.Stats().Connections)
	assert.Zero(t, srv.Stats().MessagesOpen, "it is not to be seen")
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stopped <- srv.Shutdown(ctx)
	}()
	require.ErrorIs(t, <-served, framework.ErrServerClosed)
	time.Sleep(3 * time.Second) // the client has much to send, or little to send it over
	code, text := client.Data([]byte("Subject: hello\r\n\r\n" + strings.Repeat("How are you?\r\n", 200)))
	assert.Equal(t, 250, code, text)
	client.Cmd("QUIT")
	require.NoError(t, <-stopped)
}
