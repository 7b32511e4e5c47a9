package filter_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// standIn serves a clamd on a unix socket until the test ends, and returns its path. It
// calls answer for each connection and closes the connection afterwards.
func standIn(t testing.TB, answer func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clamd")
	ln, err := net.Listen("unix", path)
	require.NoError(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer func() { _ = conn.Close() }()
				answer(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		open.Wait()
	})
	return path
}

// stream reads what INSTREAM sends.
func stream(conn net.Conn) ([]byte, error) {
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(conn, command); err != nil || string(command) != "zINSTREAM\x00" {
		return nil, fmt.Errorf("command %q: %w", command, err)
	}
	var all []byte
	for {
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return all, err
		}
		n := binary.BigEndian.Uint32(length[:])
		if n == 0 {
			return all, nil
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(conn, chunk); err != nil {
			return all, err
		}
		all = append(all, chunk...)
	}
}

// replies reads the whole message, and then replies.
func replies(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := stream(conn); err == nil {
			_, _ = io.WriteString(conn, reply)
		}
	}
}

// finds is a clamd with one signature, for the text "VIRUS".
func finds(conn net.Conn) {
	all, err := stream(conn)
	switch {
	case err != nil:
	case bytes.Contains(all, []byte("VIRUS")):
		_, _ = io.WriteString(conn, "stream: Test.Virus FOUND\x00")
	default:
		_, _ = io.WriteString(conn, "stream: OK\x00")
	}
}

// until waits for the end of the connection.
func until(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
