package framework_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/wire"
)

// prefixes are the valid beginnings that precede the fuzzer's bytes: nothing,
// the negotiation, and everything up to each stage.
func prefixes(t testing.TB) [][]byte {
	t.Helper()
	steps := [][]byte{
		nil,
		opening(t),
		frames(t, &wire.Connect{Host: []byte("client"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")}),
		frames(t, &wire.Helo{Name: []byte("client")}),
		frames(t, &wire.Mail{Sender: []byte("<a@example.org>")}),
		frames(t, &wire.Rcpt{Recipient: []byte("<b@example.org>")}),
		frames(t, &wire.BareCommand{Code: wire.CmdData}),
		frames(t, &wire.Header{Name: []byte("Subject"), Value: []byte("hello")}),
		frames(t, &wire.BareCommand{Code: wire.CmdEOH}),
		frames(t, &wire.Body{Chunk: []byte("text\r\n")}),
		frames(t, &wire.EndOfBody{}),
	}
	var all [][]byte
	var sum []byte
	for _, step := range steps {
		sum = append(sum, step...)
		all = append(all, slices.Clip(sum))
	}
	return all
}

// scripted returns the frames of a script: see talk.
func scripted(script string) (out []byte) {
	for _, c := range []byte(script) {
		out = append(out, raw(c, commandData(wire.CommandCode(c)))...)
	}
	return out
}

// FuzzSession feeds bytes to a session in every state. The session must end
// when the bytes end, without a panic, and must have called the end hooks of
// every filter that it began.
func FuzzSession(f *testing.F) {
	starts := prefixes(f)
	for i := range starts {
		f.Add(byte(i), raw('A', ""))
		f.Add(byte(i), []byte("\xff\xff\xff\xffB"))
	}
	f.Add(byte(4), append(raw('M', "<x@example.org>\x00"), raw('E', "tail")...))
	f.Add(byte(5), append(raw('D', "Ri\x00A\x00{rcpt_mailer}\x00error\x00"), raw('R', "<c@example.org>\x00")...))
	f.Add(byte(9), append(raw('K', ""), raw('C', "h\x00U")...))
	for i := range starts { // what an MTA repeats, or sends late
		for _, script := range []string{"RTLNBE", "LLE", "EE", "NBLE", "TRE", "CHMRE", "HRE", "MLALE", "KRE", "UE"} {
			f.Add(byte(i), scripted(script))
		}
		f.Add(byte(i), slices.Concat(opening(f), scripted("CHMRTLNBE")))
	}
	f.Fuzz(func(t *testing.T, at byte, data []byte) {
		begun, ended := 0, 0
		k := &recorder{limits: framework.RecordLimits{Bytes: 32 << 10, Header: true, Body: true}}
		srv := fuzzServer(t, &begun, &ended, k)
		conn := &scriptConn{rest: append(starts[int(at)%len(starts)], data...)}
		srv.ServeConn(poison.Conn(conn))
		require.True(t, conn.closed)
		require.Equal(t, begun, ended, "sessions and their ends")
		require.NoError(t, srv.Shutdown(t.Context()))
		stats := srv.Stats()
		require.Zero(t, stats.AsyncRunning, "functions that still run")
		require.Zero(t, stats.KeptMemory, "memory that was not given back")
		require.Zero(t, stats.KeptDisk, "files that were not given back")
		numbers := make(map[uint64]bool)
		for _, m := range k.all(t) {
			require.False(t, m.Number > 0 && numbers[m.Number], "a message has two records")
			numbers[m.Number] = true
		}
		require.LessOrEqual(t, conn.wrote, 64*(len(conn.rest)+len(data)+2048), "much is answered to little")
	})
}

// fuzzServer has two lanes that register everything: one that modifies
// messages, and one behind it that sees the modifications.
func fuzzServer(t *testing.T, begun, ended *int, k framework.Recorder) *framework.Server {
	t.Helper()
	r := allStages()
	seen := framework.PerConnection[bool](r)
	note := func(s *framework.Session) {
		if !*seen.Get(s) {
			*seen.Get(s) = true
			*begun++
		}
	}
	add, change := r.GrantAddHeader(), r.GrantChangeHeader()
	headers, envelope := r.WantHeaders(), r.WantEnvelope()
	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
		note(s)
		return add.Append(s, "X-From", "a")
	})
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is("subject") {
			return change.Change(s, h.Handle(), "changed")
		}
		return nil
	})
	registerAsync(t, r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for field := range headers.All(s) {
			_ = field.Value
		}
		_, _ = envelope.Sender(s), envelope.Recipients(s)
		return framework.Continue, nil
	})
	r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
		if *seen.Get(s) {
			*ended++
		}
		return nil
	})
	r.Mount(lookingBack{})
	srv, err := framework.NewServer(r, framework.Config{
		Logger: slog.New(slog.DiscardHandler), SpoolMemory: 1 << 12, MaxSpool: 1 << 16,
		MemoryBudget: 1 << 14, DiskBudget: 1 << 15, Recorder: k,
	})
	require.NoError(t, err)
	return srv
}

// registerAsync registers handlers that start functions, and that fail the test if they get
// the value of another message.
func registerAsync(t testing.TB, r *framework.Router) {
	t.Helper()
	number := framework.PerMessage[int](r)
	message, session := framework.Async[int](r), framework.AsyncPerConnection[bool](r)
	count := 0
	r.ObserveHelo(func(s *framework.Session, _ *framework.Helo) error {
		return session.Start(s, func(ctx context.Context) (bool, error) {
			<-ctx.Done()
			return true, ctx.Err()
		})
	})
	r.ObserveRcpt(func(s *framework.Session, _ *framework.Rcpt) error {
		count++
		n := count
		*number.Get(s) = n
		return message.Start(s, func(context.Context) (int, error) { return n, nil })
	})
	r.BeforeEndOfMessage(func(s *framework.Session) error {
		got, err := message.Wait(s)
		want := *number.Get(s)
		assert.Equal(t, want, got, "the value of the message")
		assert.Equal(t, want > 0, err == nil, "an error if there is no value: %v", err)
		assert.False(t, session.Ready(s))
		return nil
	})
}

// lookingBack is a filter that receives the content as the previous filter left
// it.
type lookingBack struct{}

func (lookingBack) Name() string { return "looking back" }

func (lookingBack) Register(r *framework.Router) error {
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		_, _ = h.Name(), h.Value()
		return nil
	})
	r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
		_ = string(b.Chunk())
		return nil
	})
	return nil
}

// scriptConn is an MTA that sends a script in pieces of all sizes, and
// disconnects.
type scriptConn struct {
	rest   []byte
	reads  int
	wrote  int
	closed bool
}

func (c *scriptConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	c.reads++
	n := copy(p, c.rest[:min(len(c.rest), 1<<(c.reads%9))])
	c.rest = c.rest[n:]
	return n, nil
}

func (c *scriptConn) Write(p []byte) (int, error) {
	c.wrote += len(p)
	return len(p), nil
}

func (c *scriptConn) Close() error {
	c.closed = true
	return nil
}

func (*scriptConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*scriptConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*scriptConn) SetDeadline(time.Time) error      { return nil }
func (*scriptConn) SetReadDeadline(time.Time) error  { return nil }
func (*scriptConn) SetWriteDeadline(time.Time) error { return nil }
