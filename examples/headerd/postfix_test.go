//go:build integration

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// TestReloadBehindPostfix reloads the built command in the middle of a message.
// The new rules apply to that message, because rules apply at its end.
func TestReloadBehindPostfix(t *testing.T) {
	t.Parallel()
	binary := testproc.Build(t, ".")
	server := realmta.StartPostfix(t, realmta.PostfixConfig{
		Milters: []string{"unix:milter/headerd.sock"},
		Main:    map[string]string{"milter_default_action": "tempfail"},
	})
	file := write(t, addX)
	p := testproc.Start(t, exec.Command(binary, "-config", file, "-listen", "unix:"+filepath.Join(server.SocketDir(), "headerd.sock")+"?mode=0666"))
	p.Stderr.Await(t, "msg=serving", 1)

	send := func(to string, begun func()) string {
		t.Helper()
		c := realmta.DialSMTP(t, server.Addr())
		for _, line := range []string{"EHLO client.example.test", "MAIL FROM:<ann@example.org>", "RCPT TO:<" + to + "@example.test>"} {
			code, text := c.Cmd(line)
			require.Equal(t, 250, code, text)
		}
		begun()
		code, text := c.Data([]byte("A: 1\r\n\r\nhello\r\n"))
		require.Equal(t, 250, code, text)
		return string(server.Sink().Await(t, realmta.ToRecipient(to+"@example.test")).WithoutTrace())
	}
	reload := func(text, says string) func() {
		return func() {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			p.Signal(t, syscall.SIGHUP)
			p.Stderr.Await(t, says, 1)
		}
	}
	assert.Equal(t, "A: 1\r\nX: 1\r\n\r\nhello\r\n", send("before", func() {}))
	assert.Equal(t, "A: 1\r\nY: 2\r\n\r\nhello\r\n", send("during", reload(addY, `msg="configuration reloaded"`)))
	assert.Equal(t, "A: 1\r\nY: 2\r\n\r\nhello\r\n", send("wrong", reload("rules: x", `msg="configuration not reloaded: the old rules stay in force"`)))
	assert.Equal(t, "A: 1\r\nY: 2\r\n\r\nhello\r\n", send("more", reload("rules: [{do: [delete: A]}]", "the new rules need a restart")))

	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t), p.Stderr.String())
}
