package filter_test

import (
	"database/sql"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/aliases/filter"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// patience limits the time of what happens soon unless the machine is busy, and tick is how
// often a test checks for it.
const (
	patience = time.Minute
	tick     = 5 * time.Millisecond
)

// The schema refuses rows that could never match, and targets without an @.
func TestSchema(t *testing.T) {
	t.Parallel()
	db := create(t, place(t))
	for _, r := range []row{
		{"One@example.org", "a@example.net"},
		{"one@Example.org", "a@example.net"},
		{"one@müller.example", "a@example.net"},
		{"one", "a@example.net"},
		{"one@example.org", "a"},
		{"one@example.org", ""},
	} {
		_, err := db.ExecContext(t.Context(), `INSERT INTO aliases VALUES (?, ?)`, r[0], r[1])
		assert.ErrorContains(t, err, "CHECK constraint failed", "%q", r)
	}
	insert(t, db, row{"@xn--mller-kva.example", "ü@müller.example"}, row{"ü@example.org", "a@example.net"})
}

// A query that cannot be answered, or whose answer is no address, refuses the message for
// now. It is not remembered: the message passes as soon as the database is in order.
func TestBrokenDatabase(t *testing.T) {
	t.Parallel()
	const sane = "one@example.org"
	for name, spoil := range map[string]func(d damage){
		"locked": func(d damage) { exec(d.t, d.db, `BEGIN EXCLUSIVE`) },
		"corrupt": func(d damage) {
			text, err := os.ReadFile(d.path)
			require.NoError(d.t, err)
			const page = 4096 // the first describes the tables
			require.Greater(d.t, len(text), page)
			d.replace(string(text[:page]) + strings.Repeat("x", len(text)-page))
		},
		"missing":      func(d damage) { require.NoError(d.t, os.Remove(d.path)) },
		"empty":        func(d damage) { d.replace("") },
		"another file": func(d damage) { d.replace("one@example.org a@example.net\n") },
		"a folder": func(d damage) {
			require.NoError(d.t, os.Remove(d.path))
			require.NoError(d.t, os.Mkdir(d.path, 0o700))
		},
		"no such table":  func(d damage) { exec(d.t, d.db, `ALTER TABLE aliases RENAME TO other`) },
		"no such column": func(d damage) { exec(d.t, d.db, `ALTER TABLE aliases RENAME COLUMN target TO other`) },
		"NULL":           func(d damage) { d.target(nil) },
		"no target":      func(d damage) { d.target("") },
		"a null address": func(d damage) { d.target("<>") },
		"two addresses":  func(d damage) { d.target("a@example.net, b@example.net") },
		"a line end":     func(d damage) { d.target("a@example.net\r\nRCPT TO:<b@example.net>") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := place(t)
			db := create(t, path, samples()...)
			f := open(t, path, 0)
			spoil(damage{t, path, db})
			srv := miltertest.NewServer(t, f)
			// Nothing is remembered with an age of 0, so each message sees the file as it is.
			res := srv.Dial(t).Run(t, to("bob@example.net", sane))
			res.AssertTempFailed(t)
			assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
			record, ok := srv.Logs().Find("handler failed")
			require.True(t, ok)
			text, _ := miltertest.LogAttr(record, "error")
			assert.NotEmpty(t, text.String())
			require.NoError(t, db.Close())
			require.NoError(t, os.RemoveAll(path))
			create(t, path, samples()...)
			assert.Equal(t, []string{"target@example.net"}, srv.Dial(t).Run(t, to(sane)).Recipients())
		})
	}
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// damage is done to a database.
type damage struct {
	t    *testing.T
	path string
	db   *sql.DB
}

// replace puts another file in the place of the database.
func (d damage) replace(text string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(d.path+".new", []byte(text), 0o600))
	require.NoError(d.t, os.Rename(d.path+".new", d.path))
}

// target adds a target to a table without the checks of the schema.
func (d damage) target(target any) {
	d.t.Helper()
	exec(d.t, d.db, `DROP TABLE aliases`)
	exec(d.t, d.db, `CREATE TABLE aliases (alias TEXT, target TEXT)`)
	exec(d.t, d.db, `INSERT INTO aliases VALUES ('one@example.org', 'a@example.net'), ('one@example.org', ?)`, target)
}

// A file that is no database when the program starts ends it.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	path := place(t)
	require.ErrorContains(t, new(filter.Table).Open(path, time.Hour), path+": unable to open database file")
	assert.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, []byte("one@example.org a@example.net\n"), 0o600))
	require.ErrorContains(t, new(filter.Table).Open(path, time.Hour), path+": file is not a database")
}

// The table does not write to the file.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	f := with(t, samples()...)
	_, err := f.Table.ExecContext(t.Context(), `DELETE FROM aliases`)
	assert.ErrorContains(t, err, "readonly database")
}

// Answers, negative ones too, are remembered for half of the age, so that no message sees an
// older one: the connection to a file that was replaced is used for the other half.
func TestAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := place(t)
		db := create(t, path, row{"old@example.org", "a@example.net"})
		f := open(t, path, time.Hour)
		srv := miltertest.NewServer(t, f)
		rcpts := func() []string {
			return srv.Dial(t).Run(t, to("old@example.org", "new@example.org")).Recipients()
		}
		before, after := []string{"new@example.org", "a@example.net"}, []string{"old@example.org", "b@example.net"}
		assert.Equal(t, before, rcpts())
		exec(t, db, `DELETE FROM aliases`)
		insert(t, db, row{"new@example.org", "b@example.net"})
		time.Sleep(30*time.Minute - time.Nanosecond)
		assert.Equal(t, before, rcpts())
		time.Sleep(time.Nanosecond)
		assert.Equal(t, after, rcpts())
		require.NoError(t, f.Table.Close())
		assert.Equal(t, after, rcpts(), "without a database")
	})
}

// A file that another replaces by its name is no longer read when the connections have
// reached half of the age.
func TestReplacedFile(t *testing.T) {
	t.Parallel()
	path := place(t)
	create(t, path, row{"one@example.org", "old@example.net"})
	f := open(t, path, 100*time.Millisecond)
	srv := miltertest.NewServer(t, f)
	rcpts := func() []string { return srv.Dial(t).Run(t, to("one@example.org")).Recipients() }
	assert.Equal(t, []string{"old@example.net"}, rcpts())
	require.NoError(t, create(t, path+".new", row{"one@example.org", "new@example.net"}).Close())
	require.NoError(t, os.Rename(path+".new", path))
	assert.Eventually(t, func() bool { return rcpts()[0] == "new@example.net" }, patience, tick)
}

// Ten thousand answers are remembered, and no more.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	f := with(t, row{"@example.org", "all@example.net"})
	look := func(local string) error {
		targets, err := f.Table.Targets(t.Context(), local+"@example.org")
		if err == nil {
			assert.Equal(t, []string{"all@example.net"}, targets)
		}
		return err
	}
	require.NoError(t, look("first"))
	for i := range 10_000 {
		require.NoError(t, look(strconv.Itoa(i)))
	}
	require.NoError(t, f.Table.Close())
	assert.NoError(t, look("0"), "remembered")
	assert.ErrorContains(t, look("first"), "database is closed")
}
