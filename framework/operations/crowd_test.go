package operations_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// crowdChild is set in the process that imitates many MTAs. It holds the
// address of the server, the habit of the MTAs and their number. A separate
// process makes it possible to measure the memory of the server's process, and
// provides enough descriptors.
const crowdChild = "SLUICE_TEST_CROWD"

// habit is the behavior of an MTA of a crowd: it sends something at once and
// may return data to send at one byte per second.
type habit func(t *testing.T, conn net.Conn) (slowly []byte)

func habits() map[string]habit {
	return map[string]habit{
		"idle": func(t *testing.T, conn net.Conn) []byte {
			t.Helper()
			require.NoError(t, mta.NewConn(conn, mta.Config{}).Negotiate(t.Context()))
			return nil
		},
		"idle after a message": afterAMessage,
		"announcing": func(t *testing.T, conn net.Conn) []byte {
			t.Helper()
			return write(t, conn, announcement())
		},
		"announcing and beginning": func(t *testing.T, conn net.Conn) []byte {
			t.Helper()
			return write(t, conn, append(announcement(), make([]byte, 5<<10)...))
		},
		"slow to negotiate": func(*testing.T, net.Conn) []byte { return unending('O') },
		"slow to command": func(t *testing.T, conn net.Conn) []byte {
			t.Helper()
			require.NoError(t, mta.NewConn(conn, mta.Config{}).Negotiate(t.Context()))
			return unending('M')
		},
	}
}

// unending is a frame that takes more than four minutes at one byte per second.
// That is longer than any test, so that the server has to end it.
func unending(code byte) []byte { return append([]byte{0, 0, 1, 0, code}, make([]byte, 255)...) }

// announcement is the start of the largest possible frame.
func announcement() []byte { return []byte{0, 2, 0, 0, 'O'} } // 128 KiB

func write(t *testing.T, conn net.Conn, p []byte) []byte {
	t.Helper()
	_, err := conn.Write(p)
	require.NoError(t, err)
	return nil
}

// afterAMessage sends a message with a large body, for which the server takes a
// large buffer.
func afterAMessage(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	out, err := mta.NewConn(conn, mta.Config{}).Send(t.Context(), &mta.Message{
		Header: []mta.Field{{Name: "From", Value: " a@example.org"}}, Body: make([]byte, 100<<10),
	})
	require.NoError(t, err)
	require.False(t, out.Verdict.Refuses())
	return nil
}

// TestCrowdChild connects and stays connected until its standard input is
// closed.
func TestCrowdChild(t *testing.T) { //nolint:paralleltest // another process of its own
	address, rest, ok := strings.Cut(os.Getenv(crowdChild), " ")
	if !ok {
		return
	}
	number, name, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	require.NoError(t, err)
	conns, slowly := make([]net.Conn, n), []byte(nil)
	for i := range conns {
		conns[i], err = net.Dial("tcp", address)
		require.NoError(t, err)
		slowly = habits()[name](t, conns[i])
	}
	_, _ = fmt.Fprintln(os.Stdout, "there")
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	for i := 0; ; i++ {
		if i < len(slowly) {
			for _, conn := range conns {
				_, _ = conn.Write(slowly[i : i+1]) // the server may have closed it
			}
		}
		select {
		case <-over:
			return
		case <-time.After(time.Second):
		}
	}
}

// crowd connects n MTAs with a habit from another process and returns when the
// server has accepted all of them. They stay until the test ends unless the
// server closes them.
func crowd(t *testing.T, srv *framework.Server, address, name string, n int) {
	t.Helper()
	require.Contains(t, slices.Collect(maps.Keys(habits())), name)
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run", "^TestCrowdChild$", "-test.timeout", "10m")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", crowdChild, address, n, name))
	cmd.Stderr = os.Stderr
	stay, err := cmd.StdinPipe()
	require.NoError(t, err)
	said, err := cmd.StdoutPipe()
	require.NoError(t, err)
	before := srv.Stats().ConnectionsTotal
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stay.Close()
		_, _ = io.Copy(io.Discard, said)
		assert.NoError(t, cmd.Wait())
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "there\n", line)
	require.Eventually(t, func() bool { return srv.Stats().ConnectionsTotal >= before+uint64(n) }, time.Minute, 5*time.Millisecond)
}

// others checks that further MTAs are served while a crowd is connected.
func others(t *testing.T, address string) {
	t.Helper()
	c, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{})
	require.NoError(t, err, "others are served")
	out, err := c.Send(t.Context(), &mta.Message{Header: []mta.Field{{Name: "From", Value: " a@example.org"}}, Body: []byte("hello\r\n")})
	require.NoError(t, err)
	assert.False(t, out.Verdict.Refuses())
	require.NoError(t, c.Quit(t.Context()))
}
