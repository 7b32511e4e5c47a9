//go:build integration

package integration_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// startRaw starts a filter that answers the negotiation as given, and each
// command in replies with its code. Like relay, it records the commands and
// replies, and how each connection ended.
func startRaw(t *testing.T, answer wire.Negotiate, replies map[wire.CommandCode]wire.ReplyCode) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	r := &relay{address: "inet:" + ln.Addr().String()}
	tracer := wire.NewTracer(&r.trace)
	greeting, err := answer.Encode(nil)
	require.NoError(t, err)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				err := serveRaw(tracer.Conn(conn, wire.FilterSide), greeting, replies)
				_ = conn.Close()
				_, _ = r.trace.Write([]byte("END " + err.Error() + "\n"))
			}()
		}
	}()
	return r
}

func serveRaw(conn net.Conn, greeting []byte, replies map[wire.CommandCode]wire.ReplyCode) error {
	dec := wire.NewDecoder(&wire.BufferPool{}, wire.DefaultLimit)
	for {
		f, ok, err := dec.Next()
		if err == nil && !ok {
			_, err = dec.Fill(conn)
		}
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		code := wire.CommandCode(f.Code)
		out := greeting
		if code != wire.CmdOptNeg {
			reply, due := replies[code]
			if !due {
				continue
			}
			out = []byte{0, 0, 0, 1, byte(reply)}
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}
