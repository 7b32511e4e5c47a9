package main_test

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"

	main "github.com/sluicemail/sluice/examples/headerd"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// get returns the status and the text of an HTTP response.
func get(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	return res.StatusCode, string(body)
}

// scrape returns the metrics as soon as they have a line. It waits for the line,
// because a message is counted after its verdict was sent.
func scrape(t *testing.T, address, line string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		status, text := get(t, address, "/metrics")
		require.Equal(t, http.StatusOK, status)
		if strings.Contains(text, line) {
			return text
		}
		require.True(t, time.Now().Before(deadline), "%s is not in %s", line, text)
	}
}

var shownAt = regexp.MustCompile(`msg="serving metrics" address=(\S+)`)

// TestMetrics sets the address with the flag, and in the file.
func TestMetrics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ flag, file string }{
		"flag":     {"127.0.0.1:0", addX},
		"file":     {"", "metrics: 127.0.0.1:0\n" + addX},
		"flag won": {"127.0.0.1:0", "metrics: 192.0.2.1:9\n" + addX},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, socket := new(testproc.Buffer), filepath.Join(t.TempDir(), "x.sock")
			app := fxtest.New(t, main.Application(main.Settings{
				Config: write(t, c.file), Listen: []string{"unix:" + socket}, Metrics: c.flag, Drain: time.Minute,
			}, slog.New(slog.NewTextHandler(log, nil))))
			app.RequireStart()
			defer app.RequireStop()
			found := shownAt.FindStringSubmatch(log.String())
			require.NotNil(t, found, log.String())
			deliver(t, "unix:"+socket)

			text := scrape(t, found[1], `sluice_filter_messages_total{filter="headers",verdict="continue"} 1`)
			assert.Contains(t, text, "\nsluice_connections_total 1\n")
			assert.Contains(t, text, `sluice_modifications_total{kind="addheader"} 1`)
			for _, path := range []string{"/healthz", "/readyz"} {
				status, _ := get(t, found[1], path)
				assert.Equal(t, http.StatusOK, status, path)
			}
		})
	}
}

// TestInspect shows a message on the page, with the flag and with the file.
func TestInspect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ flag, file string }{
		"flag": {"127.0.0.1:0", ""},
		"file": {"", "inspect: {address: '127.0.0.1:0'}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, socket := new(testproc.Buffer), filepath.Join(t.TempDir(), "x.sock")
			s := main.Settings{Config: write(t, c.file+addX), Listen: []string{"unix:" + socket}, Drain: time.Minute}
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			s.Inspect.AddFlag(fs)
			if c.flag != "" {
				require.NoError(t, fs.Parse([]string{"-inspect", c.flag}))
			}
			app := fxtest.New(t, main.Application(s, slog.New(slog.NewTextHandler(log, nil))))
			app.RequireStart()
			defer app.RequireStop()
			found := regexp.MustCompile(`msg="serving inspector" address=(\S+)`).FindStringSubmatch(log.String())
			require.NotNil(t, found, log.String())
			deliver(t, "unix:"+socket)
			require.Eventually(t, func() bool { // a message is recorded when its answer is on the way
				_, text := get(t, found[1], "/api/messages")
				return strings.Contains(text, `"edited_by":["headers"]`)
			}, time.Minute, 10*time.Millisecond)
		})
	}
}

func TestNoMetrics(t *testing.T) {
	t.Parallel()
	log := new(testproc.Buffer)
	app := fxtest.New(t, main.Application(main.Settings{
		Config: write(t, addX), Listen: []string{"unix:" + filepath.Join(t.TempDir(), "x.sock")}, Drain: time.Minute,
	}, slog.New(slog.NewTextHandler(log, nil))))
	app.RequireStart()
	app.RequireStop()
	assert.NotContains(t, log.String(), "serving metrics")
	assert.NotContains(t, log.String(), "inspector")
}
