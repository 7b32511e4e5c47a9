package miltertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// naive is a filter that uses the wire protocol directly, as an author might
// write it who has read the documentation and tested with one MTA. It replies
// with SMFIR_CONTINUE to what the function on does not handle. A panic of on
// simulates a crash of the filter.
type naive struct {
	answer wire.Negotiate
	limit  int
	on     func(n *notes, f wire.Frame) []wire.Reply
}

// notes is the state of a naive filter.
type notes struct {
	mu    sync.Mutex
	lines []string
	n     int
	names []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, " ")
}

var errEnd = errors.New("the MTA is done")

func (f naive) serve(conn net.Conn, n *notes) {
	defer func() { _ = conn.Close() }()
	limit := f.limit
	if limit == 0 {
		limit = wire.Limit1M
	}
	dec := wire.NewDecoder(new(wire.BufferPool), limit)
	for {
		frame, ok, err := dec.Next()
		if err == nil && !ok {
			_, err = dec.Fill(conn)
		} else if err == nil {
			err = f.handle(conn, n, frame)
		}
		if err != nil {
			return
		}
	}
}

func (f naive) handle(w io.Writer, n *notes, frame wire.Frame) (err error) {
	defer func() {
		if v := recover(); v != nil {
			n.add("crashed: %v", v)
			err = errEnd
		}
	}()
	replies := f.on(n, frame)
	var out []byte
	switch code := wire.CommandCode(frame.Code); {
	case len(replies) > 0:
	case code == wire.CmdOptNeg:
		answer := f.answer
		answer.Version = 6
		replies = []wire.Reply{&answer}
	case code == wire.CmdQuit:
		return errEnd
	case code != wire.CmdMacro && code != wire.CmdAbort && code != wire.CmdQuitNC:
		replies = []wire.Reply{&wire.BareReply{Code: wire.RepContinue}}
	}
	for _, r := range replies {
		if out, err = r.Encode(out); err != nil {
			return err
		}
	}
	_, err = w.Write(out)
	return err
}

// answered sends the messages to a filter over one connection, and returns
// their outcomes and then the filter's notes.
func answered(t *testing.T, conn net.Conn, cfg mta.Config, msgs []*mta.Message) string {
	t.Helper()
	c := mta.NewConn(conn, cfg)
	var came []string
	for _, msg := range msgs {
		out, err := c.Send(t.Context(), msg)
		if err != nil {
			_ = c.Close()
			return strings.Join(append(came, "failed"), "; ")
		}
		came = append(came, describe(out))
	}
	_ = c.Quit(context.WithoutCancel(t.Context()))
	return strings.Join(came, "; ")
}

// describe returns an outcome in one line: the reply, or the delivered message.
func describe(out *mta.Outcome) string {
	if out.Edited == nil {
		return out.Verdict.Code.String()
	}
	var b strings.Builder
	for _, f := range out.Edited.Header {
		if len(f.Value) < 100 {
			b.WriteString(f.Name + ":" + strings.TrimSpace(f.Value) + " ")
		}
	}
	for _, r := range out.Edited.Recipients {
		b.WriteString(r.Addr)
	}
	return b.String()
}

// run sends the messages to the naive filter.
func (f naive) run(t *testing.T, p miltertest.Personality, msgs []*mta.Message) string {
	t.Helper()
	var n notes
	var served sync.WaitGroup
	mtaEnd, filterEnd := miltertest.Pipe()
	served.Go(func() { f.serve(filterEnd, &n) })
	came := answered(t, mtaEnd, p.MTA, msgs)
	served.Wait()
	return came + " " + n.String()
}

// runOnFramework sends the messages to a filter that uses the framework. It
// fails if the framework reports a protocol violation of the MTA.
func runOnFramework(t *testing.T, register func(*framework.Router, *notes), p miltertest.Personality, msgs []*mta.Message) string {
	t.Helper()
	var n notes
	srv := miltertest.NewServer(t, miltertest.FilterFunc("right", func(r *framework.Router) error {
		register(r, &n)
		return nil
	}))
	came := answered(t, srv.DialRaw(), p.MTA, msgs)
	srv.Close(t)
	_, broken := srv.Logs().Find("MTA connection broke the protocol")
	require.False(t, broken, srv.Logs())
	return came + " " + n.String()
}
