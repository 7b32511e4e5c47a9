package framework_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// slowly reads a reader in pieces, and says when it has the first one and when it may go on.
func slowly(ctx context.Context, r io.Reader, begun chan<- struct{}, goOn <-chan struct{}) (string, error) {
	var all bytes.Buffer
	_, err := io.CopyN(&all, r, 5)
	close(begun)
	select {
	case <-goOn:
	case <-ctx.Done():
	}
	for err == nil {
		_, err = io.CopyN(&all, r, 1000)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return all.String(), err
}

// rewrites registers a filter that changes the header and the body at the end of the message.
// It calls during before its edits are made, and after when they were made.
func rewrites(body string, during, after func()) func(*framework.Router) error {
	return func(r *framework.Router) error {
		kept, add, change := r.WantBody(), r.GrantInsertHeader(), r.GrantChangeHeader()
		replace, rename := r.GrantReplaceBody(), r.GrantRenameHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			during()
			errs := []error{
				change.Change(s, framework.NthHeader("Subject", 1), "changed"),
				change.Delete(s, framework.NthHeader("X-1", 1)),
				rename.Rename(s, framework.NthHeader("X-2", 1), "X-Renamed"),
			}
			for i := range 300 {
				errs = append(errs, add.InsertTop(s, fmt.Sprint("X-New-", i), "new"))
			}
			switch body {
			case "memory":
				errs = append(errs, replace.Replace(s, []byte("new\r\n")))
			case "stream":
				errs = append(errs, replace.ReplaceFrom(s, io.MultiReader(strings.NewReader("new\r\n"), kept.Reader(s))))
			}
			return framework.Continue, errors.Join(errs...)
		})
		r.Mount(miltertest.FilterFunc("after", func(r *framework.Router) error {
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				after()
				return framework.Continue, nil
			})
			return nil
		}))
		return nil
	}
}

// A reader that was taken before the end of the message shows the message as it came,
// whatever other filters do meanwhile to the header and to the body, in memory or in a file.
func TestReaderTakenBeforeTheEnd(t *testing.T) {
	t.Parallel()
	original := "Subject: hello\r\nX-1: 1\r\nX-2: 2\r\n folded\r\n\r\n" + strings.Repeat("the body\r\n", 20_000)
	_, originalBody, _ := strings.Cut(original, "\r\n\r\n")
	for _, body := range []string{"none", "memory", "stream"} {
		for _, memory := range []int64{0, 1} {
			for _, when := range []string{"during the edits", "after the edits"} {
				t.Run(fmt.Sprint(body, memory, when), func(t *testing.T) {
					t.Parallel()
					goOn := make(chan struct{})
					at := func(name string) func() {
						return func() {
							if name == when {
								close(goOn)
							}
						}
					}
					r := framework.NewRouter()
					r.Mount(miltertest.FilterFunc("edits", rewrites(body, at("during the edits"), at("after the edits"))))
					r.Mount(miltertest.FilterFunc("reads", func(r *framework.Router) error {
						message, text := r.WantMessage(), r.WantBody()
						whole, part := framework.Async[string](r), framework.Async[string](r)
						r.BeforeEndOfMessage(func(s *framework.Session) error {
							readers := map[framework.AsyncValue[string]]io.Reader{whole: message.Reader(s), part: text.Reader(s)}
							for value, reader := range readers {
								begun := make(chan struct{})
								if err := value.Start(s, func(ctx context.Context) (string, error) { return slowly(ctx, reader, begun, goOn) }); err != nil {
									return err
								}
								<-begun
							}
							return nil
						})
						r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
							got, err := whole.Wait(s)
							assert.Zero(t, strings.Compare(got, original), "the message is another: %.300s", got)
							gotBody, errBody := part.Wait(s)
							assert.Zero(t, strings.Compare(gotBody, originalBody), "the body is another: %.100s", gotBody)
							return framework.Continue, errors.Join(err, errBody)
						})
						return nil
					}))
					srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.SpoolMemory = memory }))
					conn := srv.Dial(t)
					res := conn.Run(t, miltertest.Message(strings.ReplaceAll(original, "\r\n", "\n")))
					res.AssertAccepted(t)
					assert.Equal(t, "changed", res.Header("Subject"))
					if body != "none" {
						assert.True(t, bytes.HasPrefix(res.Edited.Body, []byte("new\r\n")))
					}
					require.NoError(t, conn.Quit(t.Context()))
					srv.Close(t)
					assert.Zero(t, srv.Stats().KeptMemory)
					assert.Zero(t, srv.Stats().KeptDisk)
				})
			}
		}
	}
}

// A function that reads while its message ends gets bytes of that message, and then learns
// that the message is over. That is no mistake, so nothing is logged.
func TestReaderTakenBeforeTheEndIsOver(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 1} { // in memory, and in a file
		var running sync.WaitGroup
		late := make(chan io.Reader, 40)
		r := framework.NewRouter()
		message, value := r.WantMessage(), framework.Async[int](r)
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			whole, err := io.ReadAll(message.Reader(s))
			if err != nil {
				return err
			}
			reader, begun := message.Reader(s), make(chan struct{})
			late <- message.Reader(s)
			running.Add(1)
			err = value.Start(s, func(context.Context) (int, error) {
				defer running.Done()
				got := make([]byte, 10)
				_, err := io.ReadFull(reader, got)
				assert.NoError(t, err)
				close(begun)
				rest, err := io.ReadAll(struct{ io.Reader }{reader}) // the session does not wait
				assert.True(t, err == nil || errors.Is(err, framework.ErrMessageOver), "%v", err)
				assert.True(t, bytes.HasPrefix(whole, append(got, rest...)), "bytes of another message")
				return 0, nil
			})
			<-begun
			return err
		})
		srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.SpoolMemory = memory }))
		var clients sync.WaitGroup
		for _, letter := range []string{"a", "b"} {
			conn := srv.Dial(t)
			clients.Go(func() {
				for range cap(late) / 2 {
					_, err := conn.Send(t.Context(), miltertest.Message("Subject: "+letter+"\n\n"+strings.Repeat(letter+letter+letter+"\n", 40_000)))
					assert.NoError(t, err)
				}
				assert.NoError(t, conn.Quit(t.Context()))
			})
		}
		clients.Wait()
		running.Wait()
		srv.Close(t)
		for range cap(late) {
			_, err := (<-late).Read(make([]byte, 1))
			assert.ErrorIs(t, err, framework.ErrMessageOver)
		}
		_, logged := srv.Logs().Find("reader used too late")
		assert.False(t, logged)
	}
}

// The filter that took such a reader may use it at its end of the message, too, and may
// replace the body by it. It is the MTA's message, whatever the filters mounted before have
// changed, also if that message is empty.
func TestReaderTakenBeforeTheEndIsUsedThere(t *testing.T) {
	t.Parallel()
	for _, original := range []string{"Subject: hello\r\nX-1: 1\r\nX-2: 2\r\n\r\nHow are you?\r\n", "Subject: hello\r\nX-1: 1\r\nX-2: 2\r\n\r\n"} {
		for _, body := range []string{"none", "memory", "stream"} {
			for _, memory := range []int64{0, 1} {
				t.Run(fmt.Sprint(len(original), body, memory), func(t *testing.T) {
					t.Parallel()
					var whole, text, again io.Reader
					r := chain(rewrites(body, func() {}, func() {}), func(r *framework.Router) error {
						message, kept, replace := r.WantMessage(), r.WantBody(), r.GrantReplaceBody()
						r.BeforeEndOfMessage(func(s *framework.Session) error {
							assert.EqualValues(t, len(original), message.Size(s))
							whole, text, again = message.Reader(s), kept.Reader(s), kept.Reader(s)
							return nil
						})
						r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
							got, err := io.ReadAll(whole)
							assert.Equal(t, original, string(got))
							gotBody, errBody := io.ReadAll(text)
							assert.True(t, strings.HasSuffix(original, "\r\n\r\n"+string(gotBody)))
							edited, errEdited := io.ReadAll(message.Reader(s))
							assert.Contains(t, string(edited), "Subject: changed\r\n")
							assert.Equal(t, body != "none", strings.Contains(string(edited), "\r\n\r\nnew\r\n"))
							return framework.Continue, errors.Join(err, errBody, errEdited, replace.ReplaceFrom(s, again))
						})
						return nil
					})
					srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.SpoolMemory = memory }))
					conn := srv.Dial(t)
					for range 2 {
						res := conn.Run(t, miltertest.Message(strings.ReplaceAll(original, "\r\n", "\n")))
						res.AssertAccepted(t)
						assert.Equal(t, original[strings.Index(original, "\r\n\r\n")+4:], string(res.Edited.Body))
					}
					require.NoError(t, conn.Quit(t.Context()))
					srv.Close(t)
					assert.Zero(t, srv.Stats().KeptMemory)
					assert.Zero(t, srv.Stats().KeptDisk)
				})
			}
		}
	}
}
