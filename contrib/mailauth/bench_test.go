package mailauth_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// typical is a message as most are: 20 fields, 10 KiB of body and one signature.
func typical(b *testing.B) *mta.Message {
	b.Helper()
	var text strings.Builder
	for range 16 {
		text.WriteString("X-Something: " + strings.Repeat("x", 60) + "\n")
	}
	text.WriteString("From: Ann <ann@good.example>\nTo: bob@example.net\nSubject: hello\nDate: Mon, 4 Jan 1999 03:04:05 +0000\nMessage-ID: <1@good.example>\n\n")
	text.WriteString(strings.Repeat("How are you? The weather is fine here, and we hope to see you soon.\n", 150))
	msg := miltertest.Message(text.String(), miltertest.From("ann@good.example"), miltertest.Helo("client.example.org"))
	return signed(b, msg, "good.example")
}

// BenchmarkAuthenticate checks a message with all methods, over a connection in memory. The MTA
// and the connection take a part of the time. A server that logs to nowhere shows what a daemon
// does: its lines at Info are formatted. The metric cpu-us is what the process takes.
func BenchmarkAuthenticate(b *testing.B) {
	msg := typical(b)
	dns := resolvertest.New(b, world+keyZone(b, "good.example"))
	for _, c := range []struct {
		name string
		cfg  mailauth.Config
	}{
		{"all", mailauth.Config{}},
		{"DKIM", mailauth.Config{NoSPF: true, NoARC: true, NoDMARC: true}},
		{"SPF", mailauth.Config{NoDKIM: true, NoARC: true, NoDMARC: true}},
		{"SPF and DMARC", mailauth.Config{NoDKIM: true, NoARC: true}},
		{"ARC", mailauth.Config{NoSPF: true, NoDKIM: true, NoDMARC: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.cfg.Resolver = dns
			srv, err := framework.NewServer(router(b, c.cfg), framework.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			require.NoError(b, err)
			near, far := miltertest.Pipe()
			var served sync.WaitGroup
			served.Go(func() { srv.ServeConn(far) })
			b.Cleanup(func() {
				_ = near.Close()
				served.Wait()
			})
			conn := mta.NewConn(near, mta.Config{})
			out, err := conn.Send(b.Context(), msg)
			require.NoError(b, err)
			require.NotNil(b, out.Edited)
			b.ReportAllocs()
			began := processTime(b)
			n := 0
			for b.Loop() {
				n++
				if _, err := conn.Send(b.Context(), msg); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processTime(b)-began).Microseconds())/float64(n), "cpu-us/op")
		})
	}
}

// processTime returns the CPU time of the process so far.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
