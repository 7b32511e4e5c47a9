package load_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/sluicemail/sluice/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// TestRunPlaysPostfix compares the load generator's traffic with that of
// Postfix 3.7, as observed with strace, for a filter that asks for header
// fields only.
func TestRunPlaysPostfix(t *testing.T) {
	t.Parallel()
	answer := &wire.Negotiate{Version: 6, Actions: wire.ActionAddHdrs, Protocol: 0x3DF}
	got := record(t, answer, "X-Seen\x00Ann Example <ann@example.org>\x00")
	header := []string{"D L", "L"}
	want := slices.Concat(
		[]string{"O", "D C", "D H", "D M", "D R", "D R", "D T"},
		slices.Repeat(header, 2), []string{"D E", "E"},
		[]string{"A", "D M", "D R", "D R", "D T"},
		slices.Repeat(header, 2), []string{"D E", "E"},
		[]string{"A", "Q"},
	)
	assert.Equal(t, want, got)
}

// record runs a filter for two messages and returns the commands that it
// received.
func record(t *testing.T, answer *wire.Negotiate, added string) []string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	seen := make(chan []string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			seen <- nil
			return
		}
		defer func() { _ = conn.Close() }()
		seen <- respond(conn, answer, added)
	}()
	r := load.Run(t.Context(), load.Options{
		Network: "tcp", Address: ln.Addr().String(), Workload: workload.W1, Total: 2, Duration: 5 * time.Second,
		Size: workload.Size{Rcpts: 2, Headers: 2, Body: 10},
	})
	require.NoError(t, r.Err)
	return <-seen
}

func respond(conn net.Conn, answer *wire.Negotiate, added string) (seen []string) {
	dec := wire.NewDecoder(new(wire.BufferPool), wire.DefaultLimit)
	for {
		f, ok, err := dec.Next()
		if err != nil {
			return seen
		}
		if !ok {
			if _, err := dec.Fill(conn); err != nil {
				return seen
			}
			continue
		}
		name := string(f.Code)
		if wire.CommandCode(f.Code) == wire.CmdMacro {
			name += " " + string(f.Data[:1])
		}
		seen = append(seen, name)
		var out []byte
		switch wire.CommandCode(f.Code) {
		case wire.CmdOptNeg:
			out, _ = answer.Encode(nil)
		case wire.CmdBodyEOB:
			out = wire.AppendFrame(nil, wire.Frame{Code: 'h', Data: []byte(added)})
			out = append(out, 0, 0, 0, 1, 'c')
		default:
		}
		if _, err := conn.Write(out); err != nil {
			return seen
		}
	}
}
