//go:build integration

package integration_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire"
)

// relay forwards the bytes between Postfix and a filter and records the
// commands and replies.
type relay struct {
	address string // as Postfix writes it
	trace   testproc.Buffer
}

// startRelay starts a relay to a filter that listens on TCP.
func startRelay(t *testing.T, filter *process) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{address: "inet:" + ln.Addr().String()}
	tracer := wire.NewTracer(&r.trace)
	target := strings.TrimPrefix(filter.address(t), "inet:")
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { pass(tracer.Conn(conn, wire.FilterSide), target) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		running.Wait()
	})
	return r
}

// pass copies bytes until either side closes the connection.
func pass(conn net.Conn, target string) {
	defer func() { _ = conn.Close() }()
	filter, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = filter.Close() }()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, filter)
		_ = conn.Close()
	})
	_, _ = io.Copy(filter, conn)
	_ = filter.Close()
	back.Wait()
}

// lines returns the trace so far.
func (r *relay) lines() []string {
	return strings.Split(strings.TrimSuffix(r.trace.String(), "\n"), "\n")
}

// await waits for a line that begins with a text and returns all lines.
func (r *relay) await(t *testing.T, prefix string) []string {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		lines := r.lines()
		for _, l := range lines {
			if strings.HasPrefix(l, prefix) {
				return lines
			}
		}
		if time.Now().After(end) {
			require.FailNow(t, "no such line in the trace", "%s in\n%s", prefix, strings.Join(lines, "\n"))
		}
	}
}
