package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// naive splits a stream into frames in the simplest way, as a reference for the
// decoder.
func naive(data []byte, limit int) (frames []wire.Frame, broken bool) {
	for len(data) >= 4 {
		n := uint64(binary.BigEndian.Uint32(data))
		if n == 0 || n > uint64(limit) {
			return frames, true
		}
		if uint64(len(data)) < 4+n {
			break
		}
		frames = append(frames, wire.Frame{Code: data[4], Data: data[5 : 4+n]})
		data = data[4+n:]
	}
	return frames, false
}

func FuzzDecoder(f *testing.F) {
	f.Add(stream(session[:4]...), uint16(40000), uint16(7))
	f.Add(stream(session[:4]...), uint16(13), uint16(1))
	f.Add(stream(session...), uint16(40000), uint16(5000))
	f.Add([]byte("\xFF\xFF\xFF\xFFx"), uint16(65535), uint16(2))
	f.Fuzz(func(t *testing.T, data []byte, limit, size uint16) {
		limit, size = max(limit, 1), max(size, 1)
		want, broken := naive(data, int(limit))
		d := newDecoder(int(limit))
		d.Poison()
		r := &chunkReader{data: data, size: int(size)}
		var got []wire.Frame
		for received := 0; ; {
			n, readErr := d.Fill(r)
			received += n
			if held := d.BufferLen(); held > max(wire.SmallBuffer, 18*received) {
				t.Fatalf("%d bytes held when %d came", held, received)
			}
			for {
				frame, ok, err := d.Next()
				if err != nil {
					var bad *wire.ProtocolError
					require.ErrorAs(t, err, &bad)
					require.True(t, broken)
					require.Len(t, got, len(want))
					return
				}
				if !ok {
					break
				}
				require.Less(t, len(got), len(want))
				require.Equal(t, want[len(got)].Code, frame.Code)
				require.True(t, bytes.Equal(want[len(got)].Data, frame.Data))
				got = append(got, frame)
			}
			if received%2 == 0 {
				d.Release()
			}
			if errors.Is(readErr, io.EOF) {
				break
			}
			if readErr != nil {
				t.Fatal(readErr)
			}
		}
		require.False(t, broken)
		require.Len(t, got, len(want))
	})
}

// requireFault checks that an error is one that a decoder may return.
func requireFault(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*wire.ProtocolError](err); !ok {
		require.ErrorIs(t, err, wire.ErrNotImplemented)
	}
}

// requireOneLine checks that a message's description cannot break a log line or
// a terminal.
func requireOneLine(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		require.Truef(t, r >= ' ' && r != 0x7F, "%q", s)
	}
}

// frameOfEncoded returns the one frame of an encoded message.
func frameOfEncoded(t *testing.T, encoded []byte) wire.Frame {
	t.Helper()
	frames, broken := naive(encoded, len(encoded))
	require.False(t, broken)
	require.Len(t, frames, 1)
	return frames[0]
}

func FuzzCommand(f *testing.F) {
	for _, tc := range commandCases {
		f.Add([]byte(tc.wire))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		m, err := wire.ParseCommand(frameOf(string(data)))
		if err != nil {
			requireFault(t, err)
			return
		}
		requireOneLine(t, m.String())
		encoded, err := m.Encode(nil)
		require.NoError(t, err)
		again, err := wire.ParseCommand(frameOfEncoded(t, encoded))
		require.NoError(t, err)
		require.Equal(t, m, again)

		switch m := m.(type) {
		case *wire.Connect:
			if addr := m.Addr(); addr.IsValid() {
				parsed, err := netip.ParseAddr(addr.String())
				require.NoError(t, err)
				require.Equal(t, addr, parsed)
			}
		case *wire.Mail:
			require.LessOrEqual(t, len(m.Args), min(wire.MaxStrings, len(data)))
		case *wire.Rcpt:
			require.LessOrEqual(t, len(m.Args), min(wire.MaxStrings, len(data)))
		case *wire.Macro:
			requireMacros(t, m.List)
		}
	})
}

// requireMacros checks that the ways to read a list of macros agree.
func requireMacros(t *testing.T, list []byte) {
	t.Helper()
	first := map[string]string{}
	var rebuilt []byte
	for name, value := range wire.Macros(list) {
		rebuilt = wire.AppendMacro(rebuilt, string(name), string(value))
		key := string(name)
		if len(key) > 2 && key[0] == '{' && key[len(key)-1] == '}' {
			key = key[1 : len(key)-1]
		}
		if _, ok := first[key]; !ok {
			first[key] = string(value)
		}
	}
	require.Equal(t, macroPairs(string(list)), macroPairs(string(rebuilt)))
	for name, want := range first {
		if strings.HasPrefix(name, "{") {
			continue // would lose another pair of braces
		}
		value, ok := wire.LookupMacro(list, name)
		require.True(t, ok, name)
		require.Equal(t, want, string(value))
	}
}

func FuzzReply(f *testing.F) {
	for _, tc := range replyCases {
		f.Add([]byte(tc.wire))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		m, err := wire.ParseReply(frameOf(string(data)))
		if err != nil {
			requireFault(t, err)
			return
		}
		requireOneLine(t, m.String())
		if n, ok := m.(*wire.Negotiate); ok {
			require.LessOrEqual(t, len(n.Macros), len(data)/5)
		}
		encoded, err := m.Encode(nil)
		if err != nil { // another filter may say what ours must not
			var bad *wire.ValueError
			require.ErrorAs(t, err, &bad)
			require.Empty(t, encoded)
			return
		}
		again, err := wire.ParseReply(frameOfEncoded(t, encoded))
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func FuzzNewSMTPReply(f *testing.F) {
	f.Add(550, "5.7.1", "no")
	f.Add(450, "", "5 of 100%\nare full")
	f.Add(451, "4.7.1", "a\r\n250 ok")
	f.Fuzz(func(t *testing.T, code int, enhanced, lines string) {
		list := strings.Split(lines, "\n")
		m, err := wire.NewSMTPReply(code, enhanced, list...)
		if err != nil {
			var bad *wire.ValueError
			require.ErrorAs(t, err, &bad)
			return
		}
		encoded, err := m.Encode(nil)
		require.NoError(t, err, "what is built can be sent")
		again, err := wire.ParseReply(frameOfEncoded(t, encoded))
		require.NoError(t, err, "and is taken")
		require.Equal(t, &m, again)
		require.Equal(t, code, m.Code())
		shown := m.Lines()
		require.Len(t, shown, len(list))
		for i, line := range shown {
			require.True(t, strings.HasSuffix(line[4:], strings.TrimRight(list[i], " ")), line)
		}
	})
}

// The tracer prints whole lines for any input.
func FuzzTracer(f *testing.F) {
	f.Add(stream(session[:4]...), uint16(3), false)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(1), true)
	f.Fuzz(func(t *testing.T, data []byte, size uint16, mta bool) {
		var out bytes.Buffer
		side, who := wire.FilterSide, "MTA "
		if mta {
			side, who = wire.MTASide, "FLT "
		}
		end := &memoryConn{in: &chunkReader{data: data, size: max(int(size), 1)}}
		got, err := io.ReadAll(wire.NewTracer(&out).Conn(end, side))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))

		frames, broken := naive(data, 64<<20)
		want := len(frames)
		if broken {
			want++
		}
		lines := strings.Split(out.String(), "\n")
		require.Len(t, lines, want+1)
		for _, line := range lines[:want] {
			require.True(t, strings.HasPrefix(line, who), line)
			requireOneLine(t, line)
		}
	})
}
