package inspecting_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
)

// pipes is a listener for clients of the test, whose connections have no buffers: what a
// client does not read blocks the server.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Accept implements net.Listener.
func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipes) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return at("127.0.0.1:8025") }

func at(addr string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr)) }

// from is a connection that comes from an address.
type from struct {
	net.Conn
	peer net.Addr
}

// LocalAddr implements net.Conn.
func (*from) LocalAddr() net.Addr { return at("127.0.0.1:8025") }

// RemoteAddr implements net.Conn.
func (f *from) RemoteAddr() net.Addr { return f.peer }

// client is the client's end of a connection.
type client struct {
	net.Conn
	in *bufio.Reader
}

// dial connects from an address, sends a text, and waits until the server has done what it
// does with it.
func (l *pipes) dial(t *testing.T, peer, text string) *client {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	l.conns <- &from{far, at(peer)}
	_, err := io.WriteString(near, text)
	require.NoError(t, err)
	synctest.Wait()
	return &client{near, bufio.NewReader(near)}
}

// answer reads an answer, and returns its status.
func (c *client) answer(t *testing.T) int {
	t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	synctest.Wait()
	return res.StatusCode
}

// closed reports whether the server has closed the connection.
func (c *client) closed() bool { return errors.Is(c.SetReadDeadline(time.Time{}), io.ErrClosedPipe) }

// served serves a page to clients of the test.
func served(t *testing.T) *pipes {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	p, err := inspecting.New(inspecting.Settings{Address: "127.0.0.1:8025"}, logTo(t.Output()))
	require.NoError(t, err)
	p.ListenWith(func(string) (net.Listener, error) { return l, nil })
	require.NoError(t, p.Start())
	t.Cleanup(func() { assert.NoError(t, p.Stop(context.Background())) })
	return l
}

func request(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }

const (
	// many is a number of connections above the limit.
	many = inspecting.MaxConnections + 20

	here       = "127.0.0.1:1"
	halfHeader = "GET / HTTP/1.1\r\nHost: local"
	halfBody   = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntoken="
)

// Whatever other clients hold connections for, a browser gets the page, and the number of
// connections is bounded. The one that has waited longest leaves.
func TestNewcomers(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{
		"silent":         {""},
		"half a header":  {halfHeader},
		"half a body":    {halfBody},
		"after a header": {request("/api/nothing")},
		"do not read":    {request("/static/main.js")},
		"mixed":          {"", halfHeader, halfBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := served(t)
				var held []*client
				for i := range many {
					c := l.dial(t, here, texts[i%len(texts)])
					if name == "after a header" {
						require.Equal(t, http.StatusNotFound, c.answer(t))
					}
					held = append(held, c)
				}
				browser := l.dial(t, here, request("/"))
				assert.Equal(t, http.StatusOK, browser.answer(t))
				left := many + 1 - inspecting.MaxConnections
				for i, c := range held {
					assert.Equal(t, i < left, c.closed(), "connection %d", i)
				}
			})
		})
	}
}

// Connections without a whole request do not end the answer to another one.
func TestAnswersStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := served(t)
		small, large := l.dial(t, here, request("/static/icon.svg")), l.dial(t, here, request("/static/page.css"))
		for i := range many {
			l.dial(t, here, []string{"", halfHeader, halfBody}[i%3])
		}
		assert.Equal(t, http.StatusOK, small.answer(t))
		assert.Equal(t, http.StatusOK, large.answer(t))
	})
}

// A browser that follows the list goes on, and all of them together leave places for others.
func TestFollowersStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := served(t)
		var followers []*client
		for {
			c := l.dial(t, here, request("/api/events"))
			res, err := http.ReadResponse(c.in, nil)
			require.NoError(t, err)
			if res.StatusCode == http.StatusServiceUnavailable {
				break
			}
			require.Equal(t, http.StatusOK, res.StatusCode)
			followers = append(followers, &client{c, bufio.NewReader(res.Body)})
		}
		require.Less(t, len(followers), inspecting.MaxConnections/2)
		for i := range many {
			l.dial(t, here, []string{"", request("/static/main.js")}[i%2])
		}
		assert.Equal(t, http.StatusOK, l.dial(t, here, request("/")).answer(t))
		for _, f := range followers {
			for _, want := range []string{"retry: 3000", "", ": no news"} {
				line, err := f.in.ReadString('\n')
				require.NoError(t, err)
				assert.Equal(t, want, strings.TrimSpace(line))
			}
		}
	})
}

// A host that opens many connections takes the places of its own only, as long as it has more
// than others.
func TestPeers(t *testing.T) {
	t.Parallel()
	for name, greedy := range map[string]string{"IPv4": "198.51.100.7:%d", "a network of IPv6": "[2001:db8::%x]:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := served(t)
				silent := []*client{l.dial(t, "192.0.2.1:1", ""), l.dial(t, "192.0.2.1:2", ""), l.dial(t, "[2001:db8:1::1]:1", "")}
				for i := range many {
					l.dial(t, fmt.Sprintf(greedy, i+1), "")
				}
				for i, c := range silent {
					assert.False(t, c.closed(), "connection %d", i)
				}
			})
		})
	}
}

// A client that is slow loses its connection, also if there is place for more.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		after time.Duration
	}{
		"silent":             {"", 5 * time.Second},
		"half a header":      {halfHeader, 5 * time.Second},
		"half a body":        {halfBody, 10 * time.Second},
		"a body and no form": {strings.Replace(halfBody, "POST /login", "GET /", 1), 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := served(t)
				began := time.Now()
				_, err := io.Copy(io.Discard, l.dial(t, here, c.text))
				require.NoError(t, err)
				assert.InDelta(t, c.after, time.Since(began), float64(time.Second))
			})
		})
	}
	t.Run("does not read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := served(t)
			c := l.dial(t, here, request("/static/main.js"))
			time.Sleep(29 * time.Second)
			require.False(t, c.closed())
			time.Sleep(2 * time.Second)
			require.True(t, c.closed())
		})
	})
}
