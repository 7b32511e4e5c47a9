package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	playground "github.com/sluicemail/sluice/examples/playground"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// serve runs a playground until the end of the test and returns the first match of a pattern in
// its output, and the output.
func serve(t *testing.T, pattern string, args ...string) (found string, out *watched) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out = &watched{want: regexp.MustCompile(pattern), found: make(chan string, 1)}
	status := make(chan int)
	go func() {
		args = append([]string{"-smtp", "127.0.0.1:0", "-maildir", t.TempDir()}, args...)
		status <- playground.Run(ctx, playground.NewRouter(), args, out, out)
	}()
	t.Cleanup(func() {
		stop()
		assert.Zero(t, <-status)
	})
	return <-out.found, out
}

// lookInside is the last line.
const lookInside = `\nLook inside, in a browser: (http://127\.0\.0\.1:\d+/)\n$`

// The last line is the address of a page that shows the sample, with its body.
func TestLookInside(t *testing.T) {
	t.Parallel()
	page, out := serve(t, lookInside)
	assert.Contains(t, out.String(), "\n  - SMFIP_NOMAIL      the page of -inspect shows the stage\n", "no filter needs it")
	m := sample(t, page)
	assert.Equal(t, record.StateAccepted, m.Outcome.State)
	assert.Equal(t, "<alice@example.com>", m.Sender)
	assert.Equal(t, "Your invoice", m.Subject)
	assert.Equal(t, []string{"stamper", "tagger"}, m.EditedBy)
	require.Len(t, m.Recipients, 3)
	require.NotNil(t, m.Recipients[1].Refusal)
	assert.Equal(t, "refuser", m.Recipients[1].Refusal.Filter)
	var whole record.Message
	require.NoError(t, json.Unmarshal([]byte(get(t, page+"api/messages/"+m.ID)), &whole))
	assert.Equal(t, record.ContentAll, whole.Content)
	assert.NotEmpty(t, whole.Body)
}

// sample returns the summary of the sample message. A message is recorded when its answer is on
// the way.
func sample(t *testing.T, page string) record.Summary {
	t.Helper()
	var list struct{ Messages []record.Summary }
	require.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal([]byte(get(t, page+"api/messages")), &list))
		return len(list.Messages) == 1
	}, patience, 10*time.Millisecond)
	return list.Messages[0]
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	return string(body)
}

// Two playgrounds find an address each, whether the default one is free or not.
func TestTwoPages(t *testing.T) {
	t.Parallel()
	one, _ := serve(t, lookInside)
	two, _ := serve(t, lookInside)
	assert.NotEqual(t, one, two)
	sample(t, one)
	sample(t, two)
}

// The page is off with -once and -json. The flag turns it off, or puts it elsewhere.
func TestWhereToLook(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "off"} {
		_, out := serve(t, `(Subject: hello)'\n`, "-inspect", value, "-log-level", "info")
		assert.NotContains(t, out.String(), "Look inside")
		assert.NotContains(t, out.String(), "inspector")
	}
	for _, arg := range []string{"-once", "-json"} {
		status, stdout, stderr := run(t, "-once", arg, "-smtp", "127.0.0.1:0", "-maildir", t.TempDir(), "-log-level", "info")
		assert.Zero(t, status)
		assert.NotContains(t, stdout+stderr, "inspector")
	}
	page, _ := serve(t, lookInside, "-inspect", "127.0.0.1:0?content=none")
	assert.NotEqual(t, "http://127.0.0.1:8025/", page)
	assert.Empty(t, sample(t, page).Subject, "no header is recorded")
	log, _ := serve(t, `msg="serving inspector" address=(\S+)`, "-json", "-log-level", "info", "-inspect", "127.0.0.1:0")
	assert.Contains(t, get(t, "http://"+log+"/api/messages"), "messages")
}

// Another address than the default must be free.
func TestPageIsTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	status, stdout, stderr := run(t, "-once", "-smtp", "127.0.0.1:0", "-maildir", t.TempDir(), "-inspect", ln.Addr().String())
	assert.Equal(t, 1, status)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "playground: -inspect "+ln.Addr().String())
	assert.Contains(t, stderr, "address already in use")
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
}
