package miltertest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The connections that an http.Client keeps for the next request are no leak. One whose
// response was not closed is, if no context ends it.
func TestServerTellsIdleConnectionsFromLeaks(t *testing.T) {
	t.Parallel()
	const leak = "goroutines that a handler started are still running"
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "clean") })
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	get := func(srv *httptest.Server, then func(io.ReadCloser) error) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			return err
		}
		res, err := srv.Client().Do(req) //nolint:bodyclose // one case leaves it open
		if err != nil {
			return err
		}
		return then(res.Body)
	}
	read := func(body io.ReadCloser) error {
		_, err := io.Copy(io.Discard, body)
		_ = body.Close()
		return err
	}
	for name, c := range map[string]struct {
		do    func(srv *httptest.Server) error
		http2 bool
		says  string // nothing if it is empty
		not   string
	}{
		"an idle connection":           {func(srv *httptest.Server) error { return get(srv, read) }, false, "", leak},
		"an idle connection of HTTP/2": {func(srv *httptest.Server) error { return get(srv, read) }, true, "", leak},
		"a body that was not closed": {func(srv *httptest.Server) error {
			return get(srv, func(io.ReadCloser) error { return nil })
		}, false, "close the body", leak},
		"a goroutine of its own": {func(*httptest.Server) error { go func() { <-stop }(); return nil }, false, leak, "close the body"},
		"a goroutine that starts as a session does": {func(*httptest.Server) error {
			new(sync.WaitGroup).Go(func() { <-stop })
			return nil
		}, false, leak, "close the body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewUnstartedServer(answer)
			web.EnableHTTP2 = c.http2
			web.StartTLS()
			t.Cleanup(web.Close)
			filter := atEnd(func(*session) (framework.Verdict, error) { return framework.Continue, c.do(web) })
			out, ft := trial(func(t *fakeT) { miltertest.Run(t, filter, miltertest.Message(plain)).AssertAccepted(t) })
			assert.Equal(t, c.says != "", ft.failed, out)
			assert.Contains(t, out, c.says)
			assert.NotContains(t, out, c.not)
		})
	}
}

// A function of Async that does not end with its context is found, and one that does is
// no leak.
func TestServerFindsAsyncThatRemains(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	for name, c := range map[string]struct {
		fn   func(ctx context.Context) (int, error)
		says string
	}{
		"ends with its context": {func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, ""},
		"remains": {
			func(context.Context) (int, error) { <-stop; return 0, nil },
			"a function that a handler started with AsyncValue.Start is still running",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				value := framework.Async[int](r)
				r.BeforeEndOfMessage(func(s *session) error { return value.Start(s, c.fn) })
				return nil
			})
			out, ft := trial(func(t *fakeT) { miltertest.Run(t, filter, miltertest.Message(plain)).AssertAccepted(t) })
			assert.Equal(t, c.says != "", ft.failed, out)
			assert.Contains(t, out, c.says)
		})
	}
}

// A call at the wrong stage fails the test once, with what to do, unless it is allowed.
func TestServerFindsCallsAtTheWrongStage(t *testing.T) {
	t.Parallel()
	early := miltertest.FilterFunc("early", func(r *framework.Router) error {
		headers := r.WantHeaders()
		r.OnMail(func(s *session, _ *framework.Mail) (framework.Verdict, error) {
			_, ok := headers.First(s, "Subject")
			_, again := headers.First(s, "Subject")
			assert.False(t, ok || again)
			return framework.Continue, nil
		})
		r.ObserveHeader(func(s *session, _ *framework.Header) error {
			for range headers.All(s) {
				return nil
			}
			return io.ErrUnexpectedEOF
		})
		return nil
	})
	out, ft := trial(func(t *fakeT) {
		conn := miltertest.NewServer(t, early).Dial(t)
		conn.Run(t, miltertest.Message(plain)).AssertAccepted(t)
		conn.Run(t, miltertest.Message(plain)).AssertAccepted(t)
	})
	assert.True(t, ft.failed)
	assert.Contains(t, out, `miltertest: filter "early" calls KeptHeader at the stage mail: there is no header before the stage header: read it at end of headers or later`)
	_, ft = trial(func(t *fakeT) { miltertest.Run(t, early, miltertest.Message(plain), miltertest.AllowWrongStages()) })
	assert.False(t, ft.failed)
}
