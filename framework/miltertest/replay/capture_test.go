package replay_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// capture is the MTA's end of a connection. It records the frames in both directions.
type capture struct {
	net.Conn

	mu      sync.Mutex
	in, out []byte
	frames  []record.Frame
}

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.out = c.take(append(c.out, p...), true)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *capture) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.in = c.take(append(c.in, p[:n]...), false)
	c.mu.Unlock()
	return n, err
}

// take records the complete frames, and returns the rest.
func (c *capture) take(b []byte, fromMTA bool) []byte {
	for len(b) >= wire.HeaderLen {
		size := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if len(b) < 4+size {
			break
		}
		c.frames = append(c.frames, frame(fromMTA, b[4], slices.Clone(b[5:4+size])))
		b = b[4+size:]
	}
	return b
}

func frame(fromMTA bool, code byte, data []byte) record.Frame {
	if data == nil {
		data = []byte{}
	}
	return record.Frame{FromMTA: fromMTA, Size: wire.HeaderLen + len(data), Code: code, Data: data}
}

// recorded returns the record of messages that a filter got on one connection.
func recorded(t testing.TB, srv *miltertest.Server, as mta.Config, msgs ...*mta.Message) *record.Message {
	t.Helper()
	return recordedBy(t, srv, as, func(c *mta.Conn) {
		for _, m := range msgs {
			_, err := c.Send(t.Context(), m)
			require.NoError(t, err)
		}
	})
}

// recordedOn is like recorded for a filter that dial connects to.
func recordedOn(t testing.TB, dial func(context.Context) (net.Conn, error), as mta.Config, m *mta.Message) *record.Message {
	t.Helper()
	conn, err := dial(t.Context())
	require.NoError(t, err)
	tap := &capture{Conn: conn}
	c := mta.NewConn(tap, as)
	_, err = c.Send(t.Context(), m)
	require.NoError(t, err)
	_ = c.Quit(t.Context()) // fails if the filter has closed the connection
	return newRecord(tap.frames)
}

// quiet serves a filter without a log, and returns how to connect to it.
func quiet(t testing.TB, f framework.Filter, configure ...func(*framework.Config)) func(context.Context) (net.Conn, error) {
	t.Helper()
	dial, _ := quietServer(t, f, configure...)
	return dial
}

// quietServer is like quiet, and returns a function that waits for the end of all sessions.
func quietServer(t testing.TB, f framework.Filter, configure ...func(*framework.Config)) (dial func(context.Context) (net.Conn, error), wait func()) {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(f)
	cfg := framework.Config{Logger: slog.New(slog.DiscardHandler)}
	for _, fn := range configure {
		fn(&cfg)
	}
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	var sessions sync.WaitGroup
	t.Cleanup(func() {
		_ = srv.Close()
		sessions.Wait()
	})
	return func(context.Context) (net.Conn, error) {
		near, far := miltertest.Pipe()
		sessions.Go(func() { srv.ServeConn(far) })
		return near, nil
	}, sessions.Wait
}

// recordedBy is like recorded for an MTA that play plays.
func recordedBy(t testing.TB, srv *miltertest.Server, as mta.Config, play func(*mta.Conn)) *record.Message {
	t.Helper()
	tap := &capture{Conn: srv.DialRaw()}
	c := mta.NewConn(tap, as)
	require.NoError(t, c.Negotiate(t.Context()))
	play(c)
	_ = c.Quit(t.Context()) // fails if the filter has closed the connection
	return newRecord(tap.frames)
}

// newRecord returns a record with what the frames tell.
func newRecord(frames []record.Frame) *record.Message {
	m := &record.Message{Content: record.ContentAll, Frames: frames}
	m.ID = "record"
	for _, f := range frames {
		if !f.FromMTA {
			continue
		}
		switch cmd, _ := wire.ParseCommand(wire.Frame{Code: f.Code, Data: f.Data}); cmd := cmd.(type) {
		case *wire.Mail:
			m.Sender = string(cmd.Sender)
		case *wire.Rcpt:
			m.Recipients = append(m.Recipients, record.Recipient{Address: string(cmd.Recipient)})
		case *wire.Connect:
			m.Client.Addr = string(cmd.Address)
		case *wire.Macro:
			if id, ok := wire.LookupMacro(cmd.List, "i"); ok {
				m.QueueID = string(id)
			}
		}
	}
	return m
}

// to returns a configuration that replays to a server.
func to(srv *miltertest.Server) replay.Config {
	return replay.Config{
		AsksForMacros: true,
		Dial:          func(context.Context) (net.Conn, error) { return srv.DialRaw(), nil },
	}
}

// sample returns the i-th of many kinds of messages.
func sample(i int) *mta.Message {
	texts := []string{
		"Subject: hello\n\nHow are you?\n",
		"Subject:  two spaces\nX-Spam: yes\nX-Spam: twice\n\nBuy now\n",
		"From: ann@example.org\nTo: bob@example.net\nSubject:tight\n folded\n\n",
		"\nbody alone\n",
		"Subject: =?utf-8?q?=C3=A4?=\nMessage-ID: <1@example.org>\n\n" + strings.Repeat("a long line of text\n", 4000),
		"X-Tag: 1\nX-Tag: 2\nX-Tag: 3\n\n.\n..\n",
	}
	m := miltertest.Message(texts[i%len(texts)],
		miltertest.From("sender"+strconv.Itoa(i)+"@example.org", "SIZE=1000"),
		miltertest.To("bob@example.net", "carol"+strconv.Itoa(i%7)+"@example.com"),
		miltertest.QueueID("Q"+strconv.Itoa(i)), miltertest.Helo("mail"+strconv.Itoa(i%3)+".example.org"),
	)
	switch i % 5 {
	case 1:
		miltertest.Client("2001:db8::1")(m)
	case 2:
		miltertest.ToRefused("nobody@example.net", "550 5.1.1 User unknown")(m)
	case 3:
		miltertest.Auth("ann")(m)
	case 4:
		m.Sender = mta.Address{Addr: "<>"}
	}
	return m
}

// tapped returns a Dial function that records the connection.
func tapped(srv *miltertest.Server, tap **capture) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		*tap = &capture{Conn: srv.DialRaw()}
		return *tap, nil
	}
}

// answering returns a Dial function to a peer that answers the first bytes with a text, and
// closes.
func answering(text string) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		near, far := miltertest.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 1024))
			_, _ = far.Write([]byte(text))
			_ = far.Close()
		}()
		return near, nil
	}
}
