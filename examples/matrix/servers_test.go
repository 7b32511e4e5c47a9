package matrix_test

import (
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

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
