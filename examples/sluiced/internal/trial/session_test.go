package trial_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// seen is what a filter sees of a session.
type seen struct {
	client, host, helo, sender, args string
	rcpts                            []string
	macros                           map[string]string
	header                           []string
	chunks                           []int
}

// observe returns a filter that keeps what it sees.
func observe(into *seen) register {
	return func(r *framework.Router) {
		r.WantRawHeaders() // the values with the space after the colon
		client, helo := r.WantClient(), r.WantHelo()
		macros := map[string]framework.Macro{}
		for name, stage := range map[string]framework.Stage{
			"j": framework.StageConnect, "{daemon_name}": framework.StageConnect, "{client_name}": framework.StageConnect,
			"{auth_authen}": framework.StageMail, "{auth_type}": framework.StageMail, "{tls_version}": framework.StageHelo,
			"{mail_host}": framework.StageMail, "i": framework.StageEndOfMessage,
		} {
			macros[name] = r.WantMacro(stage, name)
		}
		r.ObserveMail(func(_ *framework.Session, e *framework.Mail) error {
			into.sender = e.Sender()
			for arg := range e.Args() {
				into.args += arg + " "
			}
			return nil
		})
		r.ObserveRcpt(func(_ *framework.Session, e *framework.Rcpt) error {
			into.rcpts = append(into.rcpts, e.Recipient())
			return nil
		})
		r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
			into.header = append(into.header, h.Name()+":"+h.Raw())
			return nil
		})
		r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
			into.chunks = append(into.chunks, len(b.Chunk()))
			return nil
		})
		atEnd(func(s *framework.Session) (framework.Verdict, error) {
			into.client, into.host, into.helo = client.Addr(s).String(), client.Host(s), helo.Value(s)
			into.macros = map[string]string{}
			for name, macro := range macros {
				if value, ok := macro.Value(s); ok {
					into.macros[name] = value
				}
			}
			return framework.Continue, nil
		})(r)
	}
}

// TestSession checks what filters see of the client, the envelope and the macros.
func TestSession(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(m *trial.Message)
		want   func(s *seen)
	}{
		"all given": {func(*trial.Message) {}, func(*seen) {}},
		"no name": {func(m *trial.Message) { m.ClientName = "" }, func(s *seen) {
			s.host, s.helo, s.macros["{client_name}"] = "unknown", "[192.0.2.1]", "unknown"
		}},
		"IPv6": {func(m *trial.Message) { m.Client, m.ClientName = netip.MustParseAddr("2001:db8::1%eth0"), "" }, func(s *seen) {
			s.client, s.host, s.helo, s.macros["{client_name}"] = "2001:db8::1", "unknown", "[IPv6:2001:db8::1]", "unknown"
		}},
		"mapped": {func(m *trial.Message) { m.Client = netip.MustParseAddr("::ffff:192.0.2.9") }, func(s *seen) { s.client = "192.0.2.9" }},
		"local": {func(m *trial.Message) { m.Client, m.ClientName = netip.Addr{}, "" }, func(s *seen) {
			s.client, s.host, s.helo, s.macros["{client_name}"] = "127.0.0.1", "localhost", "localhost", "localhost"
		}},
		"HELO":   {func(m *trial.Message) { m.Helo = "x.example" }, func(s *seen) { s.helo = "x.example" }},
		"bounce": {func(m *trial.Message) { m.From = "" }, func(s *seen) { s.sender = ""; s.macros["{mail_host}"] = "" }},
		"arguments": {func(m *trial.Message) { m.FromArgs = []string{"BODY=8BITMIME", "SMTPUTF8"} }, func(s *seen) {
			s.args = "BODY=8BITMIME SMTPUTF8 "
		}},
		"logged in": {func(m *trial.Message) {
			m.Macros = map[string]string{"auth_authen": "ann", "i": "4Zabc", "{tls_version}": "TLSv1.3", "j": "other.example"}
		}, func(s *seen) {
			s.macros["{auth_authen}"], s.macros["{auth_type}"], s.macros["i"] = "ann", "PLAIN", "4Zabc"
			s.macros["{tls_version}"], s.macros["j"] = "TLSv1.3", "other.example"
		}},
		"another login": {func(m *trial.Message) {
			m.Macros = map[string]string{"{auth_authen}": "ann", "auth_type": "EXTERNAL", "mail_host": "relay.example"}
		}, func(s *seen) {
			s.macros["{auth_authen}"], s.macros["{auth_type}"], s.macros["{mail_host}"] = "ann", "EXTERNAL", "relay.example"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := seen{
				client: "192.0.2.1", host: "client.example.org", helo: "client.example.org", sender: "ann@example.org",
				rcpts: []string{"bob@example.net", "cy@example.net"}, header: []string{"Subject: hello"}, chunks: []int{6},
				macros: map[string]string{
					"j": "mx.example.org", "{daemon_name}": "mx.example.org", "{client_name}": "client.example.org",
					"{mail_host}": "example.org", "i": "4ZsluiceZ1",
				},
			}
			tt.want(&want)
			var got seen
			m := letter("Subject: hello\n\nbody\n")
			tt.change(&m)
			_, err := trial.Run(t.Context(), router(observe(&got)), config(mta.Postfix), m)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// TestHostname uses the name of this host if there is no other.
func TestHostname(t *testing.T) {
	t.Parallel()
	name, err := os.Hostname()
	require.NoError(t, err)
	var got seen
	_, err = trial.Run(t.Context(), router(observe(&got)), trial.Config{Server: config(mta.Postfix).Server}, letter(text))
	require.NoError(t, err)
	assert.Equal(t, name, got.macros["j"])
	assert.Equal(t, name, got.macros["{daemon_name}"])
}

// TestContent checks the fields and chunks that filters see of messages, and what is delivered.
func TestContent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 61) + "\n"
	for name, tt := range map[string]struct {
		text   string
		header []string
		chunks []int
		body   string
	}{
		"empty":         {"", nil, nil, ""},
		"no header":     {"\nbody\n", nil, []int{6}, "body\r\n"},
		"no fields":     {"no field\nbody\n", nil, []int{16}, "no field\r\nbody\r\n"},
		"no empty line": {"A: b\nbody\n", []string{"A: b"}, []int{6}, "body\r\n"},
		"no body":       {"A: b\n\n", []string{"A: b"}, nil, ""},
		"no line end":   {"A: b\n\nbody", []string{"A: b"}, []int{6}, "body\r\n"},
		"CRLF":          {"A: b\r\n\tc\r\n\r\nbody\r\n", []string{"A: b\n\tc"}, []int{6}, "body\r\n"},
		"spaces":        {"A:b\nB:  c\nC:\n\n", []string{"A:b", "B:  c", "C:"}, nil, ""},
		"8-bit":         {"A: \xff\n\n\xfe\n", []string{"A: \xff"}, []int{3}, "\xfe\r\n"},
		"NUL":           {"A: b\x00c\nD: e\n\na\x00b\n", []string{"A: b", "D: e"}, []int{5}, "a\x00b\r\n"},
		"bare CR":       {"A: b\rc\n\nd\re\n", []string{"A: b c"}, []int{5}, "d e\r\n"},
		"a mailbox":     {"From ann Sun\nA: b\n\n", []string{"X-Mailbox-Line: From ann Sun", "A: b"}, nil, ""},
		"removed":       {"Bcc: eve@example.org\nA: b\n\n", []string{"A: b"}, nil, ""},
		"chunks":        {"A: b\n\n" + strings.Repeat(long, 2100), []string{"A: b"}, []int{65535, 65535, 2100*63 - 2*65535}, strings.Repeat(long[:61]+"\r\n", 2100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got seen
			result := run(t, observe(&got), mta.Postfix, tt.text)
			assert.Equal(t, tt.header, got.header)
			assert.Equal(t, tt.chunks, got.chunks)
			assert.Equal(t, tt.body, string(result.Body))
			assert.Equal(t, strings.Join(tt.header, "|"), joined(result.Header))
			assert.True(t, result.Edits.None())
		})
	}
}

// TestMistakes names all mistakes of a message.
func TestMistakes(t *testing.T) {
	t.Parallel()
	m := trial.Message{
		ClientName: "a\nb", Rcpts: []string{"<>", "c\x00"}, Macros: map[string]string{"{}": "", "{open": "", "rcpt_addr": "x", "k": "v\r"},
	}
	_, err := trial.Run(t.Context(), framework.NewRouter(), trial.Config{MaxSize: -1, Hostname: "x\n"}, m)
	require.ErrorIs(t, err, trial.ErrMessage)
	for _, want := range []string{
		"no text", `"a\nb" has more than one line`, "a recipient is empty", `"c\x00" has`, `"{}" is not a name`, `"{open" is not a name`,
		"rcpt_addr differs for each recipient", `"v\r" has`, "MaxSize is negative", `"x\n" has`,
	} {
		assert.ErrorContains(t, err, want)
	}
	_, err = trial.Run(t.Context(), framework.NewRouter(), trial.Config{}, trial.Message{Text: strings.NewReader("")})
	assert.EqualError(t, err, "trial: message: no recipient")
}

// TestFailures runs messages that cannot be read, and a router that is no plan.
func TestFailures(t *testing.T) {
	t.Parallel()
	broken := letter("")
	broken.Text = iotest.ErrReader(errBroken)
	_, err := trial.Run(t.Context(), framework.NewRouter(), trial.Config{}, broken)
	require.ErrorIs(t, err, errBroken)

	r := framework.NewRouter()
	r.Mount(nil)
	_, err = trial.Run(t.Context(), r, trial.Config{}, letter(text))
	require.ErrorContains(t, err, "session_test.go")
}

// endless counts how much of it is read.
type endless struct{ read atomic.Int64 }

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	e.read.Add(int64(len(p)))
	return len(p), nil
}

// TestTooLarge reads little more of a message than MaxSize.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	source := new(endless)
	m := letter("")
	m.Text = source
	cfg := config(mta.Postfix)
	cfg.MaxSize = 1 << 20
	_, err := trial.Run(t.Context(), framework.NewRouter(), cfg, m)
	require.ErrorIs(t, err, trial.ErrTooLarge)
	assert.LessOrEqual(t, source.read.Load(), int64(1<<20+1))

	m.Text = io.LimitReader(strings.NewReader("A: b\n\n"+strings.Repeat("x", 1<<20)), 1<<20)
	_, err = trial.Run(t.Context(), framework.NewRouter(), cfg, m)
	assert.NoError(t, err, "as large as allowed")
}

// TestContextEnds ends the context while a handler waits for its own. The handler learns of it
// at once.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	waits := atEnd(func(s *framework.Session) (framework.Verdict, error) {
		cancel(errBroken)
		<-s.Context().Done()
		return framework.Continue, nil
	})
	start := time.Now()
	_, err := trial.Run(ctx, router(waits), config(mta.Postfix), letter(text))
	require.Error(t, err)
	assert.True(t, errors.Is(err, errBroken) || errors.Is(err, context.Canceled), err)
	assert.NotErrorIs(t, err, trial.ErrHangs)
	assert.Less(t, time.Since(start), time.Minute)
}

// TestHangs runs a handler that does not end.
func TestHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	ended := make(chan struct{})
	hangs := atEnd(func(*framework.Session) (framework.Verdict, error) {
		defer close(ended)
		<-release
		return framework.Continue, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := trial.Run(ctx, router(hangs), config(mta.Postfix), letter(text))
	require.ErrorIs(t, err, trial.ErrHangs)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
	<-ended
}

// TestHooksHaveRun checks that the hooks at the ends of message and session have run, and that
// the settings of the server have effect, without those of who may connect.
func TestHooksHaveRun(t *testing.T) {
	t.Parallel()
	var ended, closed atomic.Int32
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.AfterMessage(func(*framework.Session, *framework.MessageResult) { ended.Add(1) })
		return next
	})
	r.ObserveClose(func(*framework.Session, *framework.Close) error { closed.Add(1); return nil })
	at(framework.StageEndOfMessage, framework.Reject, nil)(r)
	var log strings.Builder
	cfg := config(mta.Postfix)
	cfg.Server = framework.Config{
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		Admission: framework.Admission{UIDs: []uint32{4294967000}, MaxSessions: 1},
	}
	_, err := trial.Run(t.Context(), r, cfg, letter(text))
	require.NoError(t, err)
	assert.EqualValues(t, 1, closed.Load())
	assert.Positive(t, ended.Load())
	assert.Contains(t, log.String(), "message refused")
}

// TestAtTheSameTime runs trials of one router at the same time.
func TestAtTheSameTime(t *testing.T) {
	t.Parallel()
	r := router(editings()["results"].filter)
	_, err := r.Plan()
	require.NoError(t, err)
	var trials sync.WaitGroup
	for range 20 {
		trials.Go(func() {
			result, err := trial.Run(t.Context(), r, config(mta.Postfix), letter(text))
			if assert.NoError(t, err) {
				assert.Equal(t, []string{"mx.example.org;\n\tspf=fail"}, result.Results)
			}
		})
	}
	trials.Wait()
}

// TestMemory checks that the memory of a trial is bounded by the size of the message.
//
//nolint:paralleltest // memory is counted for the whole process
func TestMemory(t *testing.T) {
	const size = 8 << 20
	body := strings.Repeat(strings.Repeat("x", 77)+"\n", size/78)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		for b.Loop() {
			result, err := trial.Run(t.Context(), framework.NewRouter(), config(mta.Postfix), letter("A: b\n\n"+body))
			if err != nil || len(result.Body) < size {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	t.Logf("%d MiB are allocated for a message of %d MiB", allocated>>20, size>>20)
	assert.Less(t, allocated, int64(30*size), "the buffers that grow count in full")
}
