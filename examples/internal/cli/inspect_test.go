package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// Without the flag nothing is recorded, and nothing listens.
func TestInspectIsOff(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-inspect", "off"}, {"-inspect="}, {"-inspect", "127.0.0.1:0", "-inspect", "off"}} {
		var log bytes.Buffer
		p := program(new(string))
		p.Serve = func(_ string, _ *framework.Router, cfg framework.Config) error {
			assert.Nil(t, cfg.Recorder)
			return nil
		}
		require.Zero(t, p.Run(args, io.Discard, &log))
		assert.Empty(t, log.String())
	}
}

// The page is there before the filter serves, until it has drained, and shows the message.
func TestInspect(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log testproc.Buffer
	p := program(new(string))
	p.Serve = func(address string, r *framework.Router, cfg framework.Config) error {
		return cli.RunContext(ctx, address, r, cfg)
	}
	status := make(chan int)
	go func() {
		status <- p.Run([]string{"-listen", "inet:0@127.0.0.1", "-inspect", "127.0.0.1:0"}, io.Discard, &log)
	}()
	log.Await(t, "msg=serving ", 1)
	at := regexp.MustCompile(`msg=serving address=(\S+)`).FindStringSubmatch(log.String())
	page := regexp.MustCompile(`msg="serving inspector" address=(\S+)`).FindStringSubmatch(log.String())
	require.NotNil(t, at)
	require.NotNil(t, page)

	conn, err := mta.Dial(t.Context(), "inet:"+at[1], mta.Config{})
	require.NoError(t, err)
	_, err = conn.Send(t.Context(), &mta.Message{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // a message is recorded when its answer is on the way
		return strings.Contains(get(t, "http://"+page[1]+"/api/messages"), `"outcome":{"state":"accepted"`)
	}, time.Minute, 10*time.Millisecond)
	assert.Contains(t, get(t, "http://"+page[1]+"/api/server"), `"name":"MessagesTotal"`)
	require.NoError(t, conn.Quit(t.Context()))
	stop()
	assert.Zero(t, <-status)
	assert.Contains(t, log.String(), "msg=draining")
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	return string(body)
}

// RunContext returns what framework.RunContext returns.
func TestRunContext(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	err := cli.RunContext(t.Context(), "inet:0@192.0.2.1", r, framework.Config{})
	require.ErrorContains(t, err, "192.0.2.1")
	err = cli.RunContext(t.Context(), "inet:0@127.0.0.1", r, framework.Config{MaxHeaders: -1})
	require.ErrorContains(t, err, "MaxHeaders")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, cli.RunContext(ctx, "inet:0@127.0.0.1", r, framework.Config{}))
}
