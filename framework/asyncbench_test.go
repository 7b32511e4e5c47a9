package framework_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// asyncKinds are the two kinds of values.
func asyncKinds() map[string]func(*framework.Router) framework.AsyncValue[int] {
	return map[string]func(*framework.Router) framework.AsyncValue[int]{
		"per message": framework.Async[int], "per connection": framework.AsyncPerConnection[int],
	}
}

// inHandler calls fn in a handler of Mail, with a value.
func inHandler(t testing.TB, kind func(*framework.Router) framework.AsyncValue[int], fn func(*framework.Session, framework.AsyncValue[int])) {
	t.Helper()
	r := framework.NewRouter()
	value := kind(r)
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		fn(s, value)
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
}

// answers returns at once.
func answers(ctx context.Context) (int, error) { return 1, ctx.Err() }

// BenchmarkAsync measures Start, and Wait for a value that is not ready, and Wait for one
// that is ready. The functions return at once.
func BenchmarkAsync(b *testing.B) {
	for name, kind := range asyncKinds() {
		b.Run(name+"/start and wait", func(b *testing.B) {
			b.ReportAllocs()
			inHandler(b, kind, func(s *framework.Session, value framework.AsyncValue[int]) {
				for b.Loop() {
					require.NoError(b, value.Start(s, answers))
					_, err := value.Wait(s)
					require.NoError(b, err)
				}
			})
		})
		b.Run(name+"/wait for a ready value", func(b *testing.B) {
			b.ReportAllocs()
			inHandler(b, kind, func(s *framework.Session, value framework.AsyncValue[int]) {
				require.NoError(b, value.Start(s, answers))
				_, err := value.Wait(s)
				for b.Loop() {
					_, err = value.Wait(s)
				}
				require.NoError(b, err)
			})
		})
	}
}

// BenchmarkAsyncMessage measures a whole session with one message: without a function, with
// one that is started at Mail, and with one for the connection.
func BenchmarkAsyncMessage(b *testing.B) {
	run := func(b *testing.B, start func(*framework.Session) error, wait func(*framework.Session) error, r *framework.Router) {
		b.Helper()
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return start(s) })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, wait(s)
		})
		benchmark(b, r, everything(0, 0), 0)
	}
	b.Run("none", func(b *testing.B) {
		nothing := func(*framework.Session) error { return nil }
		run(b, nothing, nothing, framework.NewRouter())
	})
	for name, kind := range asyncKinds() {
		b.Run(name, func(b *testing.B) {
			r := framework.NewRouter()
			value := kind(r)
			run(b, func(s *framework.Session) error { return value.Start(s, answers) }, func(s *framework.Session) error {
				_, err := value.Wait(s)
				return err
			}, r)
		})
	}
}
