package miltertest_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
)

func newPipe(t *testing.T) (mtaEnd, filterEnd net.Conn) {
	t.Helper()
	a, b := miltertest.Pipe()
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, b
}

func TestPipeHoldsWhatIsWrittenAhead(t *testing.T) {
	t.Parallel()
	a, b := newPipe(t)
	for _, text := range []string{"one ", "two ", "three"} {
		n, err := a.Write([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, len(text), n)
	}
	require.NoError(t, a.Close())
	got, err := io.ReadAll(b)
	require.NoError(t, err, "what was written before Close is still read")
	assert.Equal(t, "one two three", string(got))
}

func TestPipeCarriesMoreThanItHolds(t *testing.T) {
	t.Parallel()
	a, b := newPipe(t)
	want := make([]byte, 1<<20)
	_, _ = rand.Read(want)
	for _, ends := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() { _, _ = ends[0].Write(want) }()
		got := make([]byte, len(want))
		_, err := io.ReadFull(ends[1], got)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), "the bytes differ")
	}
}

func TestPipeFillsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the deadline waits for the write, however busy the host is
		a, b := newPipe(t)
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
		n, err := a.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, 64<<10, n)

		require.NoError(t, a.SetWriteDeadline(time.Time{}))
		_, err = b.Read(make([]byte, 100))
		require.NoError(t, err)
		n, err = a.Write(make([]byte, 100))
		require.NoError(t, err)
		assert.Equal(t, 100, n)
	})
}

func TestPipeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(a, b net.Conn) error
		want error
	}{
		{"read at the end", func(a, b net.Conn) error { _ = b.Close(); return read(a) }, io.EOF},
		{"write to nobody", func(a, b net.Conn) error { _ = b.Close(); return write(a) }, syscall.EPIPE},
		{"read after Close", func(a, _ net.Conn) error { _ = a.Close(); return read(a) }, net.ErrClosed},
		{"write after Close", func(a, _ net.Conn) error { _ = a.Close(); return write(a) }, net.ErrClosed},
		{"Close twice", func(a, _ net.Conn) error { _ = a.Close(); return a.Close() }, net.ErrClosed},
		{"deadline after Close", func(a, _ net.Conn) error {
			_ = a.Close()
			return a.SetDeadline(time.Now())
		}, net.ErrClosed},
		{"read deadline", func(a, _ net.Conn) error {
			_ = a.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
			return read(a)
		}, os.ErrDeadlineExceeded},
		{"read deadline long past, though there is something", func(a, b net.Conn) error {
			_ = write(b)
			_ = a.SetReadDeadline(time.Unix(1, 0))
			return read(a)
		}, os.ErrDeadlineExceeded},
		{"a deadline taken back", func(a, b net.Conn) error {
			_ = a.SetDeadline(time.Unix(1, 0))
			_ = a.SetDeadline(time.Time{})
			_ = write(b)
			return read(a)
		}, nil},
		{"the read deadline leaves writes alone", func(a, _ net.Conn) error {
			_ = a.SetReadDeadline(time.Unix(1, 0))
			return write(a)
		}, nil},
		{"reading nothing", func(a, _ net.Conn) error { _, err := a.Read(nil); return err }, nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, b := newPipe(t)
			err := tc.do(a, b)
			require.ErrorIs(t, err, tc.want)
			if tc.want != nil && !errors.Is(tc.want, io.EOF) {
				var op *net.OpError
				assert.ErrorAs(t, err, &op, "errors have the shape of a socket's")
			}
		})
	}
}

func read(c net.Conn) error {
	_, err := c.Read(make([]byte, 8))
	return err
}

func write(c net.Conn) error {
	_, err := c.Write([]byte("x"))
	return err
}

func TestPipeDeadlineWakesWhoWaits(t *testing.T) {
	t.Parallel()
	a, _ := newPipe(t)
	failed := make(chan error)
	go func() { failed <- read(a) }()
	require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Hour)))
	require.NoError(t, a.SetReadDeadline(time.Unix(1, 0)))
	require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
}

func TestPipeCloseWakesWhoWaits(t *testing.T) {
	t.Parallel()
	fill := func(c net.Conn) error { _, err := c.Write(make([]byte, 1<<20)); return err }
	tests := []struct {
		name string
		wait func(net.Conn) error
		near error // the error if the waiting end is closed
		far  error // the error if the other end is closed
	}{
		{"read", read, net.ErrClosed, io.EOF},
		{"write", fill, net.ErrClosed, syscall.EPIPE},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, near := range []bool{true, false} {
					a, b := newPipe(t)
					failed := make(chan error, 1)
					go func() { failed <- tc.wait(a) }()
					synctest.Wait()
					closing, want := b, tc.far
					if near {
						closing, want = a, tc.near
					}
					require.NoError(t, closing.Close())
					require.ErrorIs(t, <-failed, want)
				}
			})
		})
	}
}

func TestPipeWaitsInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe(t)
		began := time.Now()
		require.NoError(t, a.SetReadDeadline(began.Add(time.Hour)))
		require.ErrorIs(t, read(a), os.ErrDeadlineExceeded)
		assert.Equal(t, time.Hour, time.Since(began))

		require.NoError(t, a.SetReadDeadline(time.Time{}))
		go func() {
			time.Sleep(24 * time.Hour)
			_ = write(b)
		}()
		require.NoError(t, read(a))
		assert.Equal(t, 25*time.Hour, time.Since(began))
	})
}

func TestPipeAddresses(t *testing.T) {
	t.Parallel()
	a, b := newPipe(t)
	assert.Equal(t, "memory", a.LocalAddr().Network())
	assert.Equal(t, "memory:mta", a.LocalAddr().String())
	assert.Equal(t, a.LocalAddr(), b.RemoteAddr())
	assert.Equal(t, b.LocalAddr(), a.RemoteAddr())
}
