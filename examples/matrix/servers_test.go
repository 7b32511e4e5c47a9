package matrix_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// clamd serves a clamd that finds the attached program, and returns its path.
func clamd(t *testing.T) string {
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
				answerStream(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		open.Wait()
	})
	return path
}

// answerStream reads a message in chunks, each after its length, and answers.
func answerStream(conn net.Conn) {
	var message bytes.Buffer
	_, err := io.CopyN(io.Discard, conn, int64(len("zINSTREAM\x00")))
	for n := uint32(1); err == nil && n > 0; {
		if err = binary.Read(conn, binary.BigEndian, &n); err == nil {
			_, err = io.CopyN(&message, conn, int64(n))
		}
	}
	result := "OK"
	if bytes.Contains(message.Bytes(), []byte("invoice.pdf.exe")) {
		result = "Test.Program FOUND"
	}
	_, _ = fmt.Fprintf(conn, "stream: %s\x00", result)
}

// scanner serves a scanner that judges by the client's address, and returns its URL. Of the
// messages of the matrix, each has its own.
func scanner(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.Header.Get("Ip") {
		case "192.0.2.1": // forged
			_, _ = io.WriteString(w, `{"action":"add header","milter":{"remove_headers":{"X-Spam-Status":0},
				"add_headers":{"X-Spam-Symbols":"FORGED","X-Scanned":{"value":"first","order":1}}}}`)
		case "192.0.5.1": // many fields
			_, _ = io.WriteString(w, `{"action":"reject","messages":{"smtp_message":"too many fields"}}`)
		default:
			_, _ = io.WriteString(w, `{"action":"no action"}`)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// database writes a small database for aliases and returns its path.
func database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aliases.db")
	schema, err := os.ReadFile("../aliases/schema.sql")
	require.NoError(t, err)
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	for _, query := range []string{
		string(schema),
		`INSERT INTO aliases VALUES ('cy@example.net', 'one@example.net'), ('cy@example.net', 'two@example.net'), ('nobody@example.test', 'all@example.test')`,
	} {
		_, err = db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	return path
}
