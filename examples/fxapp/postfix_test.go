//go:build integration

package main_test

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// process is the built command, serving.
type process struct{ *testproc.Process }

// start starts the command, and returns when it serves.
func start(t *testing.T, binary string, args ...string) process {
	t.Helper()
	p := process{testproc.Start(t, exec.Command(binary, args...))}
	p.Await(t, "msg=serving")
	return p
}

func (p process) signal(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	p.Await(t, "msg=draining")
}

// await waits for the end of the process, which must be without an error.
func (p process) await(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Wait(t), p.Stderr.String())
}

func greet(t *testing.T, server *realmta.Postfix) *realmta.Client {
	t.Helper()
	client := realmta.DialSMTP(t, server.Addr())
	code, text := client.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return client
}

func message(from, to string) realmta.Message {
	return realmta.Message{
		From: from + "@fine.example", To: []string{to + "@example.test"},
		Data: []byte("From: " + from + "@fine.example\r\nSubject: hello\r\n\r\nHow are you?\r\n"),
	}
}

const stamped = "From: ann@fine.example\r\nSubject: hello\r\nX-Filtered-By: fxapp\r\n\r\nHow are you?\r\n"

// At a restart behind a real Postfix, a message that has begun finishes, a
// message that arrives while the filter is down is deferred, and none passes
// unfiltered.
func TestRestartBehindPostfix(t *testing.T) {
	t.Parallel()
	binary := testproc.Build(t, ".")
	server := realmta.StartPostfix(t, realmta.PostfixConfig{
		Milters: []string{"unix:milter/fxapp.sock"},
		Main:    map[string]string{"milter_default_action": "tempfail"},
	})
	args := []string{"-listen", "unix:" + filepath.Join(server.SocketDir(), "fxapp.sock") + "?mode=0666", "-deny", denylist(t)}

	first := start(t, binary, args...)
	code, text := greet(t, server).Deliver(message("ann", "before"))
	require.Equal(t, 250, code, text)
	code, text = greet(t, server).Deliver(realmta.Message{From: "eve@denied.example", To: []string{"eve@example.test"}})
	assert.Equal(t, 550, code)
	assert.Equal(t, "5.7.1 mail from your domain is not accepted here", text)

	underWay := greet(t, server)
	for _, command := range []string{"MAIL FROM:<ann@fine.example>", "RCPT TO:<during@example.test>"} {
		code, text = underWay.Cmd(command)
		require.Equal(t, 250, code, text)
	}
	first.signal(t)
	code, text = underWay.Data(message("ann", "during").Data)
	assert.Equal(t, 250, code, text)
	_, _ = underWay.Cmd("QUIT")
	first.await(t)
	assert.Contains(t, first.Stderr.String(), "msg=tally passed=2 refused=1")

	code, text = greet(t, server).Deliver(message("ann", "between"))
	assert.Equal(t, 451, code, text)

	second := start(t, binary, args...)
	code, text = greet(t, server).Deliver(message("ann", "after"))
	require.Equal(t, 250, code, text)
	for _, to := range []string{"before", "during", "after"} {
		got := server.Sink().Await(t, realmta.ToRecipient(to+"@example.test"))
		assert.Equal(t, stamped, string(got.WithoutTrace()), to)
	}
	assert.Len(t, server.Sink().Delivered(), 3)
	second.signal(t)
	second.await(t)
}
