package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// inspector returns where a process serves the page.
func inspector(t *testing.T, p *testproc.Process) string {
	t.Helper()
	m := regexp.MustCompile(`msg="serving inspector" address=(\S+)`).FindStringSubmatch(p.Stderr.String())
	require.NotNil(t, m)
	return "http://" + m[1]
}

// messages returns what the page lists, newest first, as soon as it lists so many. A message is
// recorded when its answer is on the way.
func messages(t *testing.T, page string, count int) (list []record.Summary) {
	t.Helper()
	require.Eventually(t, func() bool {
		var answer struct{ Messages []record.Summary }
		require.NoError(t, json.Unmarshal([]byte(get(t, page+"/api/messages")), &answer))
		list = answer.Messages
		return len(list) == count
	}, time.Minute, 10*time.Millisecond)
	return list
}

// TestInspect shows mail with the flag, with the file, and with both. Of two addresses that of
// the flag counts, and the other settings of the file stay.
func TestInspect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flag, file string
		content    record.Content
	}{
		"flag":             {"127.0.0.1:0", "", record.ContentHeader},
		"file":             {"", "inspect: {address: '127.0.0.1:0', content: none}\n", record.ContentNone},
		"flag over a file": {"127.0.0.1:0", "inspect: {address: '192.0.2.1:1', token_file: x, content: none}\n", record.ContentNone},
		"with content":     {"127.0.0.1:0?content=all", "inspect: {content: none}\n", record.ContentAll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := write(t, "x.yaml", c.file+"filters:\n"+addX)
			token := filepath.Join(filepath.Dir(config), "x") // relative to the file
			require.NoError(t, os.WriteFile(token, []byte("0123456789abcdef"), 0o600))
			args := []string{"-config", config, "-listen", "inet:0@127.0.0.1"}
			if c.flag != "" {
				args = append(args, "-inspect", c.flag)
			}
			p := start(t, args...)
			page := inspector(t, p)
			require.NoError(t, os.Remove(token))
			assert.Contains(t, deliver(t, address(t, p), "192.0.2.1"), "\r\nX: 1\r\n")
			if name != "flag over a file" { // which asks for the token
				list := messages(t, page, 1)
				assert.Equal(t, "<ann@example.org>", list[0].Sender)
				assert.Equal(t, record.StateAccepted, list[0].Outcome.State)
				assert.Equal(t, []string{"headers"}, list[0].EditedBy)
				var m record.Message
				require.NoError(t, json.Unmarshal([]byte(get(t, page+"/api/messages/"+list[0].ID)), &m))
				assert.Equal(t, c.content, m.Content)
			} else {
				assert.Contains(t, get(t, page+"/api/messages"), "token")
			}
			p.Signal(t, syscall.SIGTERM)
			require.NoError(t, p.Wait(t))
		})
	}
}

// Without the flag and the section nothing listens, and the flag can turn off the section.
func TestInspectIsOff(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"nothing": {"-config", write(t, "x.yaml", "filters: []\n")},
		"content": {"-config", write(t, "x.yaml", "inspect: {content: all}\nfilters: []\n")},
		"off":     {"-config", write(t, "x.yaml", "inspect: {address: ':80', token_file: /nonexistent}\nfilters: []\n"), "-inspect", "off"},
	} {
		p := start(t, append(args, "-listen", "inet:0@127.0.0.1")...)
		assert.NotContains(t, p.Stderr.String(), "inspector", name)
		p.Signal(t, syscall.SIGTERM)
		require.NoError(t, p.Wait(t))
	}
}

// The records are in the folder, and the metrics count them.
func TestInspectFolder(t *testing.T) {
	t.Parallel()
	config := write(t, "x.yaml", "inspect: {address: '127.0.0.1:0', folder: records}\nfilters:\n"+addX)
	p := start(t, "-config", config, "-listen", "inet:0@127.0.0.1", "-metrics", "127.0.0.1:0")
	deliver(t, address(t, p), "192.0.2.1")
	scrape(t, p, "\nsluice_inspect_kept_total 1\n")
	text := scrape(t, p, "\nsluice_inspect_seen_total 1\n")
	assert.Contains(t, text, "\nsluice_inspect_dropped_total 0\n")
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
	var senders []string
	for m, err := range record.Open(filepath.Join(filepath.Dir(config), "records")) {
		require.NoError(t, err)
		senders = append(senders, m.Sender)
	}
	assert.Equal(t, []string{"<ann@example.org>"}, senders)
}

// What is wrong shows with -check. It opens no socket and makes no folder.
func TestInspectCheck(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "records")
	config := write(t, "x.yaml", "inspect: {address: '127.0.0.1:"+busy(t)+"', folder: "+folder+"}\nfilters: []\n")
	status, _, stderr := run(t, "-check", "-config", config)
	assert.Zero(t, status, stderr)
	assert.NoFileExists(t, folder)
	status, _, stderr = run(t, "-check", "-config", config, "-inspect", ":80")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "sluiced: inspect :80: it is not a loopback address")
	status, _, stderr = run(t, "-config", config)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "address already in use")
}
