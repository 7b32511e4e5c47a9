package framework_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const usedLate = "framework: a reader of the message is used after the filter's end of the message"

// hoard is a filter that keeps readers of each message.
type hoard struct {
	t       *testing.T
	mu      sync.Mutex
	readers []io.Reader
}

func (h *hoard) register(r *framework.Router) error {
	message, body := r.WantMessage(), r.WantBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		begun := message.Reader(s)
		if _, err := io.ReadFull(begun, make([]byte, 10)); err != nil {
			return framework.Continue, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.readers = append(h.readers, begun, message.Reader(s), body.Reader(s))
		return framework.Continue, nil
	})
	return nil
}

// check asserts that the readers are over.
func (h *hoard) check() {
	t := h.t
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.NotEmpty(t, h.readers)
	for _, r := range h.readers {
		n, err := r.Read(make([]byte, 100))
		assert.Zero(t, n)
		assert.EqualError(t, err, usedLate)
		written, err := io.Copy(io.Discard, r)
		assert.Zero(t, written)
		assert.EqualError(t, err, usedLate)
	}
}

// A reader fails once the filter's end of the message is over, wherever it is used.
func TestReaderUsedTooLate(t *testing.T) {
	t.Parallel()
	at := func(check func()) func(r *framework.Router) error {
		return func(r *framework.Router) error {
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				check()
				return framework.Continue, nil
			})
			return nil
		}
	}
	after := func(check func()) func(r *framework.Router) error {
		return func(r *framework.Router) error {
			r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
				rt.AfterMessage(func(*framework.Session, *framework.MessageResult) { check() })
				return next
			})
			r.OnMail(goesOn)
			return nil
		}
	}
	refuses := func(r *framework.Router) error {
		r.OnEndOfMessage(says[*framework.EndOfMessage](framework.Reject))
		return nil
	}
	filters := map[string]func(h *hoard) []func(*framework.Router) error{
		"by a later filter": func(h *hoard) []func(*framework.Router) error {
			return []func(*framework.Router) error{h.register, at(func() { h.check() })}
		},
		"behind a new body in memory": func(h *hoard) []func(*framework.Router) error {
			return []func(*framework.Router) error{replacer("new", false), h.register, at(func() { h.check() })}
		},
		"after the message": func(h *hoard) []func(*framework.Router) error {
			return []func(*framework.Router) error{h.register, after(func() { h.check() })}
		},
		"after a refusal": func(h *hoard) []func(*framework.Router) error {
			return []func(*framework.Router) error{h.register, refuses, after(func() { h.check() })}
		},
		"in the next message": func(h *hoard) []func(*framework.Router) error {
			messages := 0
			return []func(*framework.Router) error{at(func() {
				if messages++; messages > 1 {
					h.check()
				}
			}), h.register}
		},
		"after the session": func(h *hoard) []func(*framework.Router) error {
			return []func(*framework.Router) error{h.register}
		},
	}
	for name, mount := range filters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, memory := range []int64{0, 1} {
				h := &hoard{t: t}
				srv := miltertest.NewRouterServer(t, chain(mount(h)...), miltertest.AllowWrongStages(), miltertest.Configure(func(cfg *framework.Config) {
					cfg.SpoolMemory = memory
				}))
				conn := srv.Dial(t)
				for range 2 {
					conn.Run(t, miltertest.Message("Subject: hello\n\nHow are you?\n"))
				}
				require.NoError(t, conn.Quit(t.Context()))
				srv.Close(t)
				h.check()
				warned := map[string]int{}
				for _, r := range srv.Logs() {
					if r.Message == "reader used too late" {
						call, _ := miltertest.LogAttr(r, "call")
						warned[call.String()]++
					}
				}
				assert.Equal(t, map[string]int{"KeptMessage.Reader": 1, "KeptBody.Reader": 1}, warned)
			}
		})
	}
}

// A goroutine that reads while its message ends gets bytes of that message, and then the
// error: never those of another message, which reuses the memory.
func TestReaderInAnotherGoroutine(t *testing.T) {
	t.Parallel()
	const messages = 30
	var all sync.WaitGroup
	r := framework.NewRouter()
	message, replace := r.WantMessage(), r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var whole bytes.Buffer
		if _, err := io.Copy(&whole, message.Reader(s)); err != nil {
			return framework.Continue, err
		}
		begun := make(chan struct{})
		for i := range 2 {
			late := message.Reader(s)
			all.Go(func() {
				var got bytes.Buffer
				if i == 0 {
					_, _ = io.CopyN(&got, late, 100)
				}
				begun <- struct{}{}
				for {
					if _, err := io.CopyN(&got, late, 100); err != nil {
						assert.True(t, errors.Is(err, io.EOF) || err.Error() == usedLate, "%v", err)
						break
					}
				}
				assert.True(t, bytes.HasPrefix(whole.Bytes(), got.Bytes()))
			})
			<-begun
		}
		return framework.Continue, replace.ReplaceFrom(s, message.Reader(s))
	})
	srv := miltertest.NewRouterServer(t, r, miltertest.AllowWrongStages())
	var clients sync.WaitGroup
	for _, letter := range []string{"a", "b"} {
		conn := srv.Dial(t)
		clients.Go(func() {
			for range messages {
				_, err := conn.Send(t.Context(), miltertest.Message("Subject: "+letter+"\n\n"+strings.Repeat(letter+letter+letter+"\n", 40_000)))
				assert.NoError(t, err)
			}
		})
	}
	clients.Wait()
	all.Wait()
}

const usedClosed = "framework: a reader of the message is used after its Close"

// A filter that closes its readers may leave them to others: reads fail, and nothing is
// logged, also after the message has ended. Other readers are not affected.
func TestReaderIsClosed(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 1} { // in memory, and in a file
		var closed []io.ReadCloser
		check := func() {
			for _, r := range closed {
				n, err := r.Read(make([]byte, 100))
				assert.Zero(t, n)
				assert.EqualError(t, err, usedClosed)
				_, err = io.Copy(io.Discard, r)
				assert.EqualError(t, err, usedClosed)
				assert.NoError(t, r.Close(), "again")
			}
		}
		r := framework.NewRouter()
		message, body := r.WantMessage(), r.WantBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			closed = []io.ReadCloser{message.Reader(s), body.Reader(s), message.Reader(s)}
			_, err := io.ReadFull(closed[0], make([]byte, 10))
			require.NoError(t, err)
			for _, r := range closed {
				assert.NoError(t, r.Close())
			}
			check()
			text, err := io.ReadAll(message.Reader(s))
			assert.Equal(t, "Subject: hello\r\n\r\nHow are you?\r\n", string(text))
			return framework.Continue, err
		})
		srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.SpoolMemory = memory }))
		for range 2 {
			srv.Dial(t).Run(t, miltertest.Message("Subject: hello\n\nHow are you?\n")).AssertAccepted(t)
			check()
		}
	}
}

// Close ends the reads of another goroutine, and waits for the one that runs: after that,
// the goroutine's memory does not change.
func TestReaderIsClosedWhileAnotherReads(t *testing.T) {
	t.Parallel()
	var readers sync.WaitGroup
	r := framework.NewRouter()
	message := r.WantMessage()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for range 20 {
			reader, begun, buf := message.Reader(s), make(chan struct{}), make([]byte, 1<<10)
			readers.Go(func() {
				_, err := reader.Read(buf)
				assert.NoError(t, err)
				close(begun)
				for err == nil || errors.Is(err, io.EOF) { // at the end of the message, it goes on until Close
					_, err = reader.Read(buf)
				}
				assert.EqualError(t, err, usedClosed)
			})
			<-begun
			assert.NoError(t, reader.Close())
			copy(buf, "the race detector finds a read that runs")
		}
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message("Subject: large\n\n"+strings.Repeat("large\n", 200_000))).AssertAccepted(t)
	readers.Wait()
}
