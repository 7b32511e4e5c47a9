package filter_test

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/aliases/filter"
)

// row is an alias and one of its targets.
type row [2]string

// create writes a database with the schema of the example.
func create(t *testing.T, path string, rows ...row) *sql.DB {
	t.Helper()
	schema, err := os.ReadFile("../schema.sql")
	require.NoError(t, err)
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), string(schema))
	require.NoError(t, err)
	insert(t, db, rows...)
	return db
}

func insert(t *testing.T, db *sql.DB, rows ...row) {
	t.Helper()
	for _, r := range rows {
		_, err := db.ExecContext(t.Context(), `INSERT INTO aliases VALUES (?, ?)`, r[0], r[1])
		require.NoError(t, err)
	}
}

// place returns a path for a database. Its characters have a meaning in a URI.
func place(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "a?b#c%20 ä.db")
}

// open returns a filter that reads the database.
func open(t *testing.T, path string, maxAge time.Duration) *filter.Filter {
	t.Helper()
	f := new(filter.Filter)
	require.NoError(t, f.Table.Open(path, maxAge))
	t.Cleanup(func() { assert.NoError(t, f.Table.Close()) })
	return f
}

// with returns a filter for a new database with the rows.
func with(t *testing.T, rows ...row) *filter.Filter {
	t.Helper()
	path := place(t)
	create(t, path, rows...)
	return open(t, path, time.Hour)
}
