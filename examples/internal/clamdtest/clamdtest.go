package clamdtest

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

// Serve serves a clamd on a unix socket until the test ends, and returns its path. It
// calls answer for each connection and closes the connection afterwards.
func Serve(t testing.TB, answer func(net.Conn)) string {
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

const command = "zINSTREAM\x00"

// Message reads what INSTREAM sends: the command, and the message in chunks, each after its
// length.
func Message(conn net.Conn) ([]byte, error) {
	begin := make([]byte, len(command))
	if _, err := io.ReadFull(conn, begin); err != nil || string(begin) != command {
		return nil, fmt.Errorf("command %q: %w", begin, err)
	}
	var all bytes.Buffer
	for {
		var n uint32
		if err := binary.Read(conn, binary.BigEndian, &n); err != nil || n == 0 {
			return all.Bytes(), err
		}
		if _, err := io.CopyN(&all, conn, int64(n)); err != nil {
			return all.Bytes(), err
		}
	}
}

// Replies returns a clamd that reads the whole message, and then replies.
func Replies(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := Message(conn); err == nil {
			_, _ = io.WriteString(conn, reply)
		}
	}
}

// Finds returns a clamd with one signature, for a text.
func Finds(signature, text string) func(net.Conn) {
	return func(conn net.Conn) {
		all, err := Message(conn)
		switch {
		case err != nil:
		case bytes.Contains(all, []byte(text)):
			_, _ = io.WriteString(conn, "stream: "+signature+" FOUND\x00")
		default:
			_, _ = io.WriteString(conn, "stream: OK\x00")
		}
	}
}
