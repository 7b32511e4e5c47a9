//go:build integration

package filter_test

import (
	"database/sql"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// mail sends a message to recipients, and returns the reply to the message, or to the first
// recipient that is refused.
func mail(t *testing.T, server realmta.MTA, subject string, rcpts ...string) (code int, text string) {
	t.Helper()
	client := realmta.DialSMTP(t, server.Addr())
	code, text = client.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return client.Deliver(realmta.Message{
		From: "ann@example.org", To: rcpts,
		Data: []byte("From: ann@example.org\r\nSubject: " + subject + "\r\n\r\nHow are you?\r\n"),
	})
}

// delivered returns the sorted recipients to which the server delivered a message.
func delivered(server realmta.MTA, subject string) (rcpts []string) {
	for _, d := range server.Sink().Delivered() {
		if realmta.Containing("Subject: " + subject + "\r\n")(d) {
			rcpts = append(rcpts, d.To...)
		}
	}
	slices.Sort(rcpts)
	return rcpts
}

// TestBehindMailServers sends to recipients with and without rows. The servers deliver to
// the targets, and to no other address.
func TestBehindMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			path := place(t)
			db := create(t, path,
				row{"info@example.test", "a@example.test"}, row{"info@example.test", "b@example.test"},
				row{"copy@example.test", "copy@example.test"}, row{"copy@example.test", "b@example.test"},
				row{"chain@example.test", "info@example.test"})
			serve(t, server, path)

			for subject, c := range map[string]struct{ to, want []string }{
				"plain": {[]string{"bob@example.test"}, []string{"bob@example.test"}},
				"many":  {[]string{"Info+tag@Example.TEST", "bob@example.test"}, []string{"a@example.test", "b@example.test", "bob@example.test"}},
				"copy":  {[]string{"copy@example.test"}, []string{"b@example.test", "copy@example.test"}},
				"chain": {[]string{"chain@example.test", "info@example.test"}, []string{"a@example.test", "b@example.test", "info@example.test"}},
				"twice": {[]string{"info@example.test", "a@example.test", "copy@example.test"}, []string{"a@example.test", "b@example.test", "copy@example.test"}},
			} {
				code, text := mail(t, server, subject, c.to...)
				require.Equal(t, 250, code, text)
				assert.Eventually(t, func() bool { return len(delivered(server, subject)) >= len(c.want) }, patience, tick, subject)
				assert.Equal(t, c.want, delivered(server, subject), subject)
			}
			testBroken(t, server, path, db)
		})
	}
}

// testBroken locks, replaces and removes the database.
func testBroken(t *testing.T, server realmta.MTA, path string, db *sql.DB) {
	t.Helper()
	refused := func(why string) {
		t.Helper()
		code, text := mail(t, server, why, "info@example.test")
		assert.Equal(t, 451, code, why)
		assert.Contains(t, text, "4.3.0", why)
	}
	exec(t, db, `BEGIN EXCLUSIVE`)
	refused("locked")
	exec(t, db, `ROLLBACK`)
	require.NoError(t, os.Remove(path))
	refused("missing")
	require.NoError(t, os.WriteFile(path, []byte("not a database"), 0o600))
	refused("corrupt")
	require.NoError(t, os.Remove(path))
	create(t, path, row{"info@example.test", "new@example.test"})
	code, text := mail(t, server, "mended", "info@example.test")
	require.Equal(t, 250, code, text)
	assert.Eventually(t, func() bool { return len(delivered(server, "mended")) > 0 }, patience, tick)
	assert.Equal(t, []string{"new@example.test"}, delivered(server, "mended"))
	for _, why := range []string{"locked", "missing", "corrupt"} {
		assert.Empty(t, delivered(server, why), why)
	}
}

// serve serves the filter to a mail server. With an age of 0 the filter sees each change of
// the database at once.
func serve(t *testing.T, server realmta.MTA, path string) {
	t.Helper()
	router := framework.NewRouter()
	router.Mount(open(t, path, 0))
	ln := server.Listen(t, "unix")
	realmta.Serve(t, ln, router, framework.Config{})
	server.SetFilters(t, ln.Addr())
}
