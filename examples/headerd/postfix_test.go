//go:build integration

package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
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

// TestHandOverBehindPostfix sends mail without a pause while headerd hands over.
// Postfix accepts each message, and each one has passed the rules.
func TestHandOverBehindPostfix(t *testing.T) {
	t.Parallel()
	server := realmta.StartPostfix(t, realmta.PostfixConfig{Milters: []string{"unix:milter/headerd.sock"}, Chroot: true})
	socket, pidFile := filepath.Join(server.SocketDir(), "headerd.sock"), filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(testproc.Build(t, "."), "-config", write(t, addX),
		"-listen", "unix:"+socket+"?mode=0660&group=postfix", "-handover", pidFile)
	cmd.WaitDelay = testproc.Patience // from the end of the first process, the log of its successors is read
	p := testproc.Start(t, cmd)
	p.Await(t, "msg=serving")

	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	accepted := make([]int, 3)
	for i := range accepted {
		clients.Go(func() {
			for ctx.Err() == nil {
				c := realmta.DialSMTP(t, server.Addr())
				c.Cmd("EHLO client.example.test")
				code, text := c.Deliver(realmta.Message{
					From: "ann@example.org", To: []string{fmt.Sprintf("bob-%d-%d@example.test", i, accepted[i])}, Data: []byte("A: 1\r\n\r\nhello\r\n"),
				})
				if !assert.Equal(t, 250, code, text) {
					return
				}
				accepted[i]++
				c.Cmd("QUIT")
			}
		})
	}
	pid := p.PID()
	for n := range 3 {
		require.NoError(t, syscall.Kill(pid, syscall.SIGUSR2))
		p.Stderr.Await(t, `msg="handed over"`, n+1)
		text, err := os.ReadFile(pidFile)
		require.NoError(t, err)
		pid, err = strconv.Atoi(string(text))
		require.NoError(t, err)
	}
	stop()
	clients.Wait()
	for i, n := range accepted {
		assert.Positive(t, n)
		for k := range n {
			got := server.Sink().Await(t, realmta.ToRecipient(fmt.Sprintf("bob-%d-%d@example.test", i, k)))
			assert.Equal(t, "A: 1\r\nX: 1\r\n\r\nhello\r\n", string(got.WithoutTrace()))
		}
	}
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.NoError(t, p.Wait(t), p.Stderr.String())
}
