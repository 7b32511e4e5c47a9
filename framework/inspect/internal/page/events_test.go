package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSource(n int) *pagetest.Source { return pagetest.New(pagetest.Mailbox(n, began)...) }

// pipes is a listener in memory, whose connections have local addresses at loopback, and block
// until the other end reads.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

type atLoopback struct{ net.Conn }

func (atLoopback) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(addrPort("127.0.0.1:9001")) }

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return atLoopback{c}, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.done)
	return nil
}

func (pipes) Addr() net.Addr { return net.TCPAddrFromAddrPort(addrPort("127.0.0.1:9001")) }

// serve serves a page in a synctest bubble, and returns a function that connects.
func serve(t *testing.T, h *page.Handler) (connect func() net.Conn) {
	t.Helper()
	p := pipes{make(chan net.Conn), make(chan struct{})}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(p) }()
	t.Cleanup(func() {
		assert.NoError(t, h.Close())
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, srv.Shutdown(ctx))
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return func() net.Conn {
		here, there := net.Pipe()
		p.conns <- there
		t.Cleanup(func() { _ = here.Close() })
		return here
	}
}

// follow asks for a stream of events. Its body is read line by line.
func follow(t *testing.T, c net.Conn, path string) *bufio.Scanner {
	t.Helper()
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost:9001\r\n\r\n", path)
	require.NoError(t, err)
	return bufio.NewScanner(c)
}

// ready waits until a stream follows the list.
func ready(t *testing.T, lines *bufio.Scanner) {
	t.Helper()
	for lines.Text() != "retry: 3000" {
		require.True(t, lines.Scan())
	}
	require.True(t, lines.Scan()) // the empty line
	synctest.Wait()
}

// event reads up to the next event.
func event(t *testing.T, lines *bufio.Scanner) (id string, list page.List) {
	t.Helper()
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "id: "); ok {
			id = rest
		}
		if rest, ok := strings.CutPrefix(line, "data: "); ok {
			require.NoError(t, json.Unmarshal([]byte(rest), &list))
			return id, list
		}
	}
	require.NoError(t, lines.Err())
	require.Fail(t, "the stream ended")
	return "", list
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query string
		want  []string
	}{
		"what comes":           {"", []string{"35", "34", "33", "32", "31"}},
		"a search":             {"?q=state:rejected", []string{"33"}},
		"what came in between": {"?after=" + pagetest.ID(29), []string{"30"}},
		"a search, what came":  {"?q=state:rejected&after=" + pagetest.ID(12), []string{"23", "13"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				source := newSource(30)
				lines := follow(t, serve(t, page.New(source, page.Config{}))(), "/api/events"+c.query)
				require.True(t, lines.Scan())
				assert.Equal(t, "HTTP/1.1 200 OK", lines.Text())
				if !strings.Contains(c.query, "after") {
					ready(t, lines)
					for i := 31; i <= 35; i++ {
						source.Add(pagetest.Mail(i, began))
					}
				}
				id, list := event(t, lines)
				assert.Equal(t, c.want, ids(list))
				assert.GreaterOrEqual(t, id, list.Messages[0].ID)
			})
		})
	}
}

// Many records become few events, the newest of them in each.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newSource(1)
		lines := follow(t, serve(t, page.New(source, page.Config{}))(), "/api/events")
		ready(t, lines)
		for i := 2; i <= 1000; i++ {
			source.Add(pagetest.Mail(i, began))
		}
		id, list := event(t, lines)
		assert.Len(t, list.Messages, 100)
		assert.True(t, list.More)
		assert.Equal(t, pagetest.ID(1000), id)
	})
}

// A stream does not search for longer than it may, and says later that it has not seen all.
func TestStreamSearchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := sluggish{newSource(1)}
		lines := follow(t, serve(t, page.New(source, page.Config{}))(), "/api/events?q=state:rejected")
		ready(t, lines)
		for i := 2; i <= 102; i++ { // the newest is not rejected, others are
			source.Add(pagetest.Mail(i, began))
		}
		time.Sleep(3 * time.Second) // a search ends after one record
		synctest.Wait()
		source.Add(pagetest.Mail(103, began))
		_, list := event(t, lines)
		assert.Equal(t, []string{"103"}, ids(list))
		assert.True(t, list.More)
	})
}

// Streams read records in turns with other requests.
func TestStreamsWaitForReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := slowSource{newSource(1), make(chan struct{})}
		h := page.New(source, page.Config{})
		got := make(chan int, 4)
		for range cap(got) {
			go func() { got <- send(t, h, "/api/messages/x").StatusCode }()
		}
		synctest.Wait()
		lines := follow(t, serve(t, h)(), "/api/events?after="+pagetest.ID(1))
		ready(t, lines)
		source.Add(pagetest.Mail(2, began))
		start := time.Now()
		time.AfterFunc(time.Minute, func() { close(source.wait) })
		_, list := event(t, lines)
		assert.Equal(t, time.Minute, time.Since(start))
		assert.Equal(t, []string{"2"}, ids(list))
		for range cap(got) {
			<-got
		}
	})
}

func TestHeartbeatAndEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newSource(1)
		start := time.Now()
		lines := follow(t, serve(t, page.New(source, page.Config{}))(), "/api/events")
		beats := 0
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "HTTP/1.1 4") {
			if lines.Text() == ": no news" {
				beats++
			}
			if lines.Text() == "0" { // the end of a chunked body
				break
			}
		}
		assert.Equal(t, page.StreamLife, time.Since(start))
		assert.InDelta(t, 20, beats, 1)
		assert.Zero(t, source.Watchers())
	})
}

// A browser that does not read is dropped, and the source never waits for it.
func TestDeadBrowser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newSource(1)
		c := serve(t, page.New(source, page.Config{}))()
		_, err := fmt.Fprint(c, "GET /api/events HTTP/1.1\r\nHost: localhost:9001\r\n\r\n")
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 1, source.Watchers())
		start := time.Now()
		for i := 2; i <= 500; i++ {
			source.Add(pagetest.Mail(i, began))
		}
		assert.Equal(t, start, time.Now(), "no time has passed for who records")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		assert.Zero(t, source.Watchers())
	})
}

// Streams have a bound, and a browser that leaves makes room.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newSource(1)
		connect := serve(t, page.New(source, page.Config{}))
		status := func(c net.Conn) string {
			lines := follow(t, c, "/api/events")
			require.True(t, lines.Scan())
			got := lines.Text()
			go func() { _, _ = io.Copy(io.Discard, c) }() // only the bound ends the stream
			return got
		}
		first := connect()
		assert.Equal(t, "HTTP/1.1 200 OK", status(first))
		for range page.MaxStreams - 1 {
			assert.Equal(t, "HTTP/1.1 200 OK", status(connect()))
		}
		assert.Equal(t, "HTTP/1.1 503 Service Unavailable", status(connect()))
		require.NoError(t, first.Close())
		synctest.Wait()
		assert.Equal(t, "HTTP/1.1 200 OK", status(connect()))
	})
}

// Close ends the streams, so that a server can stop.
func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newSource(1)
		h := page.New(source, page.Config{})
		connect := serve(t, h)
		lines := follow(t, connect(), "/api/events")
		require.True(t, lines.Scan())
		require.NoError(t, h.Close())
		for lines.Scan() {
			if lines.Text() == "0" { // the end of the body
				break
			}
		}
		assert.Zero(t, source.Watchers())
		late := follow(t, connect(), "/api/events")
		require.True(t, late.Scan())
		assert.Equal(t, "HTTP/1.1 503 Service Unavailable", late.Text())
	})
}
