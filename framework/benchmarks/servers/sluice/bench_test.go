package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// BenchmarkW1 runs W1 over a unix socket with 8 connections, without a recorder and with one:
// the two differ by what recording costs. The time is that of a message, with the load
// generator on the same processors. cmd/peers measures the server's processor time alone:
//
//	go test -run '^$' -bench W1 -benchmem -count 10 ./servers/sluice
//	go run ./cmd/peers -run load -w w1 -net unix -conns 8 -servers null,sluice,sluice-recorded
func BenchmarkW1(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkW1(b, nil) })
	b.Run("recorded", func(b *testing.B) {
		inspector, err := inspect.New(inspect.Config{})
		require.NoError(b, err)
		benchmarkW1(b, inspector)
		require.NoError(b, inspector.Close())
	})
}

func benchmarkW1(b *testing.B, recorder framework.Recorder) {
	b.Helper()
	r, err := newRouter(workload.W1)
	require.NoError(b, err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	srv, err := framework.NewServer(r, framework.Config{Logger: log, Recorder: recorder})
	require.NoError(b, err)
	path := filepath.Join(b.TempDir(), "s")
	ln, err := framework.Listen("unix:" + path)
	require.NoError(b, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	b.ReportAllocs()
	b.ResetTimer()
	res := load.Run(b.Context(), load.Options{
		Network: "unix", Address: path, Workload: workload.W1, Conns: 8, Total: int64(b.N),
	})
	b.StopTimer()
	assert.Zero(b, res.Errors)
	require.NoError(b, srv.Close())
	require.ErrorIs(b, <-served, framework.ErrServerClosed)
}
