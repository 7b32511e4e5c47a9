package inspecting_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// logTo returns a logger.
func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// start starts a page and stops it at the end of the test.
func start(t *testing.T, s inspecting.Settings) *inspecting.Page {
	t.Helper()
	p, err := inspecting.New(s, logTo(t.Output()))
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { assert.NoError(t, p.Stop(context.Background())) })
	return p
}

// get sends a request with headers, which are names and values in turn.
func get(t *testing.T, url string, headers ...string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	return res.StatusCode, string(body)
}

func TestPage(t *testing.T) {
	t.Parallel()
	p := start(t, inspecting.Settings{Address: "127.0.0.1:0"})
	assert.NotNil(t, p.Recorder())
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/$`, p.URL())
	status, text := get(t, p.URL()+"api/messages")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, `"messages":[]`)
	status, text = get(t, p.URL())
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, "<!doctype html>")
}

// A page that is off records nothing, opens nothing and says nothing.
func TestOff(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p, err := inspecting.New(inspecting.Settings{TokenFile: "/nonexistent", Config: inspect.Config{Folder: "/nonexistent"}}, logTo(&log))
	require.NoError(t, err)
	p.ListenWith(func(string) (net.Listener, error) {
		assert.Fail(t, "it listens")
		return nil, net.ErrClosed
	})
	require.NoError(t, p.Start())
	assert.Nil(t, p.Recorder(), "recording costs nothing")
	assert.Empty(t, p.URL())
	p.Watch(nil)
	p.Close()
	require.NoError(t, p.Stop(t.Context()))
	assert.Empty(t, log.String())
}

func TestToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef\n"), 0o640))
	p := start(t, inspecting.Settings{Address: "127.0.0.1:0", TokenFile: file})
	status, _ := get(t, p.URL()+"api/messages")
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _ = get(t, p.URL()+"api/messages", "Authorization", "Bearer 0123456789abcdeX")
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _ = get(t, p.URL()+"api/messages", "Authorization", "Bearer 0123456789abcdef")
	assert.Equal(t, http.StatusOK, status)
}

func TestWrongTokens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"readable":   {"0123456789abcdef", 0o604, "any user can read it"},
		"short":      {"0123456789abcde\n", 0o600, "the token has 15 characters: want 16 at least"},
		"empty":      {"", 0o600, "the token has 0 characters"},
		"two lines":  {"0123456789abcdef\n0123456789abcdef\n", 0o600, "or spaces"},
		"not ASCII":  {"0123456789abcdeé", 0o600, "other than printable ASCII"},
		"very large": {strings.Repeat("x", 5000), 0o600, "4096"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
			require.NoError(t, os.Chmod(file, c.mode))
			_, err := inspecting.New(inspecting.Settings{Address: "127.0.0.1:0", TokenFile: file}, logTo(t.Output()))
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "inspect 127.0.0.1:0: token_file")
			assert.ErrorContains(t, err, file)
			if len(c.text) > 8 {
				assert.NotContains(t, err.Error(), c.text[:8], "no part of the token is shown")
			}
		})
	}
	_, err := inspecting.New(inspecting.Settings{Address: "127.0.0.1:0", TokenFile: t.TempDir()}, logTo(t.Output()))
	require.ErrorContains(t, err, "token_file")
}

// A name, or a socket that another process opened, shows only when it is open whether other
// hosts can reach it.
func TestExposedSocket(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"localhost:0", "fd:page"} {
		p, err := inspecting.New(inspecting.Settings{Address: address}, logTo(t.Output()))
		require.NoError(t, err)
		var opened net.Listener
		p.ListenWith(func(string) (net.Listener, error) {
			opened, err = net.Listen("tcp", "0.0.0.0:0")
			return opened, err
		})
		require.ErrorIs(t, p.Start(), inspecting.ErrExposed)
		_, err = opened.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		require.NoError(t, p.Stop(t.Context()))
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	p, err := inspecting.New(inspecting.Settings{Address: ln.Addr().String()}, logTo(t.Output()))
	require.NoError(t, err)
	require.ErrorContains(t, p.Start(), "inspect "+ln.Addr().String()+": ")
	require.NoError(t, p.Stop(t.Context()))

	_, err = inspecting.New(inspecting.Settings{Address: "0.0.0.0:1"}, logTo(t.Output()))
	require.ErrorContains(t, err, "inspect 0.0.0.0:1: it is not a loopback address")
	_, err = inspecting.New(inspecting.Settings{Address: "127.0.0.1:0", Config: inspect.Config{Memory: -1}}, logTo(t.Output()))
	require.ErrorContains(t, err, "inspect 127.0.0.1:0: ")
}

// The forms of an address reach the function that opens the socket as it expects them.
func TestListenWith(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:8025": "inet:8025@127.0.0.1", "[::1]:8025": "inet6:8025@::1", "localhost:0": "inet:0@localhost",
		"unix:/x?mode=0600": "unix:/x?mode=0600", "fd:page": "fd:page",
	} {
		p, err := inspecting.New(inspecting.Settings{Address: address}, logTo(t.Output()))
		require.NoError(t, err)
		var got string
		p.ListenWith(func(address string) (net.Listener, error) {
			got = address
			return nil, net.ErrClosed
		})
		require.ErrorIs(t, p.Start(), net.ErrClosed)
		assert.Equal(t, want, got)
		require.NoError(t, p.Stop(t.Context()))
	}
}

// A unix socket has a mode, and needs no token.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sock")
	p := start(t, inspecting.Settings{Address: "unix:" + path + "?mode=0600"})
	assert.Equal(t, "unix:"+path, p.URL())
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/messages", nil)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// A browser that waits for news does not delay the stop, and neither does a client that says
// nothing. After Close, which is for a hand-over, the page answers nothing, and recording goes
// on.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]bool{"at the stop": false, "after a hand-over": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log testproc.Buffer
			p, err := inspecting.New(inspecting.Settings{Address: "127.0.0.1:0"}, logTo(&log))
			require.NoError(t, err)
			require.NoError(t, p.Start())
			url := p.URL()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"api/events", nil)
			require.NoError(t, err)
			res, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, res.StatusCode)
			silent, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(url, "http:"), "/"))
			require.NoError(t, err)
			if closed {
				p.Close()
				p.Recorder().Record(new(framework.Recording))
			}
			began := time.Now()
			require.NoError(t, p.Stop(t.Context()))
			assert.Less(t, time.Since(began), time.Minute, "it does not wait for the browser")
			_, _ = io.ReadAll(res.Body) // ends, with or without an error
			require.NoError(t, res.Body.Close())
			_, err = silent.Read(make([]byte, 1))
			require.Error(t, err)
			require.NoError(t, silent.Close())
			assert.NotContains(t, log.String(), "failed")
		})
	}
}
