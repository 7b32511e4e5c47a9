package wire_test

import (
	"bytes"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

// requireGolden compares a transcript with its file under testdata/trace.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "trace", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// memoryConn reads from a fixed input and collects what is written to it.
type memoryConn struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.Write(p) }

// turn is the data that one side sends before the other replies.
type turn struct {
	mta bool
	raw []byte
}

func commands(t *testing.T, list ...wire.Command) turn {
	t.Helper()
	var raw []byte
	for _, m := range list {
		var err error
		raw, err = m.Encode(raw)
		require.NoError(t, err)
	}
	return turn{mta: true, raw: raw}
}

func replies(t *testing.T, list ...wire.Reply) turn {
	t.Helper()
	var raw []byte
	for _, m := range list {
		var err error
		raw, err = m.Encode(raw)
		require.NoError(t, err)
	}
	return turn{raw: raw}
}

// play sends the turns through a traced connection in pieces of at most size
// bytes and returns the transcript.
func play(t *testing.T, side wire.Side, size int, turns []turn) string {
	t.Helper()
	var out bytes.Buffer
	end := &memoryConn{}
	conn := wire.NewTracer(&out).Conn(end, side)
	for _, turn := range turns {
		reads := turn.mta == (side == wire.FilterSide)
		end.in = bytes.NewReader(turn.raw)
		end.out.Reset()
		var passed []byte
		for at := 0; at < len(turn.raw); {
			piece := make([]byte, min(size, len(turn.raw)-at))
			if reads {
				n, err := conn.Read(piece)
				require.NoError(t, err)
				passed = append(passed, piece[:n]...)
			} else {
				copy(piece, turn.raw[at:])
				_, err := conn.Write(piece)
				require.NoError(t, err)
			}
			at += len(piece)
		}
		if !reads {
			passed = end.out.Bytes()
		}
		require.Equal(t, turn.raw, passed, "a traced connection changes nothing")
	}
	return out.String()
}

func wholeSession(t *testing.T) []turn {
	t.Helper()
	mail, _ := wire.NewSMTPReply(550, "5.7.1", "50% of it", "is spam")
	return []turn{
		commands(t, &wire.Negotiate{Version: 6, Actions: wire.KnownActions, Protocol: wire.KnownProtocol}),
		replies(t, &wire.Negotiate{
			Version: 6, Actions: wire.ActionAddHdrs | wire.ActionSetSymList, Protocol: wire.ProtoNoHelo | wire.ProtoNRHdr,
			Macros: []wire.MacroList{{wire.MacroEnvFrom, "i {auth_authen}"}, {wire.MacroEOH, ""}},
		}),
		commands(t,
			&wire.Macro{For: wire.CmdConnect, List: wire.AppendMacro(nil, "j", "mx.example")},
			&wire.Connect{
				Host: text("client.example"), Family: wire.FamilyInet, Port: 4711, Address: text("192.0.2.7"),
			}),
		replies(t, &wire.BareReply{Code: wire.RepContinue}),
		commands(t, &wire.Helo{Name: text("client.example")}),
		commands(t, &wire.Mail{Sender: text("<a@example.com>"), Args: [][]byte{text("SIZE=100")}}),
		replies(t, &wire.BareReply{Code: wire.RepProgress}, &wire.BareReply{Code: wire.RepContinue}),
		commands(t, &wire.Rcpt{Recipient: text("<b@example.com>")}),
		replies(t, &mail),
		commands(t,
			&wire.BareCommand{Code: wire.CmdData},
			&wire.Header{Name: text("Subject"), Value: text(" two\n\tlines")},
			&wire.BareCommand{Code: wire.CmdEOH},
			&wire.Body{Chunk: text("Hello\r\n")},
			&wire.EndOfBody{}),
		replies(t,
			&wire.AddHeader{Name: "X-Seen", Value: "yes"},
			&wire.InsertHeader{Name: "X-First", Value: "1"},
			&wire.ChangeHeader{Index: 1, Name: "Subject"},
			&wire.ChangeFrom{Sender: "<>"},
			&wire.AddRcpt{Recipient: "<c@example.com>"},
			&wire.AddRcptPar{Recipient: "<d@example.com>", Args: "NOTIFY=NEVER"},
			&wire.DelRcpt{Recipient: "<b@example.com>"},
			&wire.ReplaceBody{Chunk: text("Bye\r\n")},
			&wire.Quarantine{Reason: "look at it"},
			&wire.BareReply{Code: wire.RepAccept}),
		commands(t,
			&wire.Unknown{Line: text("FOO\r")},
			&wire.BareCommand{Code: wire.CmdAbort},
			&wire.BareCommand{Code: wire.CmdQuitNC},
			&wire.BareCommand{Code: wire.CmdQuit}),
	}
}

// The transcript depends neither on the side that is traced nor on how the
// bytes are split.
func TestTracerSession(t *testing.T) {
	t.Parallel()
	for _, side := range []wire.Side{wire.FilterSide, wire.MTASide} {
		for _, size := range []int{1, 7, 1 << 20} {
			requireGolden(t, "session", play(t, side, size, wholeSession(t)))
		}
	}
}

func TestTracerGarbage(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		turns []turn
	}{
		{"unknown-codes", []turn{
			{mta: true, raw: packet("xdata")},
			{raw: packet("Xdata")},
			{mta: true, raw: packet("T")},
		}},
		{"broken-messages", []turn{
			{mta: true, raw: packet("Hno end")},
			{mta: true, raw: packet("Cx\x00?")},
			{raw: packet("cdata")},
			{raw: packet("l")},
			{raw: packet("y250 ok\x00")},
			{mta: true, raw: packet("O\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")},
		}},
		// The tracer prints nothing more for a side after an invalid
		// frame.
		{"not-milter", []turn{
			{raw: packet("c")},
			{mta: true, raw: text("GET / HTTP/1.1\r\nHost: mx\r\n\r\n")},
			{mta: true, raw: packet("T")},
			{raw: packet("c")},
		}},
		{"terminal", []turn{
			{mta: true, raw: packet("H\x1b]0;title\x07\nMTA SMFIC_QUIT\x00")},
			{mta: true, raw: packet("DM{i}\nFLT\x00\x1b[2J\x00")},
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 1 << 20} {
				requireGolden(t, tc.name, play(t, wire.FilterSide, size, tc.turns))
			}
		})
	}
}

func TestTracerPrintsFrames(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	tr := wire.NewTracer(&out)
	tr.Command(wire.Frame{Code: 'H', Data: text("a\x00")})
	tr.Reply(wire.Frame{Code: 'c'})
	tr.Reply(wire.Frame{Code: 'H', Data: text("a\x00")})
	assert.Equal(t, `MTA SMFIC_HELO "a"
FLT SMFIR_CONTINUE
FLT !!! wire: protocol violation in frame: unknown reply 'H'
`, out.String())
}

// After a short write, the tracer prints only the bytes that were written.
func TestTracerShortWrite(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	conn := wire.NewTracer(&out).Conn(&shortConn{}, wire.FilterSide)
	n, err := conn.Write(append(packet("c"), packet("a")...))
	require.ErrorIs(t, err, io.ErrShortWrite)
	assert.Equal(t, 7, n)
	assert.Equal(t, "FLT SMFIR_CONTINUE\n", out.String())
}

type shortConn struct{ net.Conn }

func (*shortConn) Write([]byte) (int, error) { return 7, io.ErrShortWrite }

func TestTracerFromManyGoroutines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tr := wire.NewTracer(&out)
	conn := tr.Conn(&memoryConn{}, wire.FilterSide)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				_, err := conn.Write(packet("p"))
				assert.NoError(t, err)
				tr.Command(wire.Frame{Code: 'T'})
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 400, strings.Count(out.String(), "FLT SMFIR_PROGRESS\n"))
	assert.Equal(t, 400, strings.Count(out.String(), "MTA SMFIC_DATA\n"))
	assert.Len(t, strings.Split(out.String(), "\n"), 801)
}
