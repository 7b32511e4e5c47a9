package record_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

var update = flag.Bool("update", false, "write the golden files anew")

// keeper is a Recorder that keeps the recordings.
type keeper struct {
	limits framework.RecordLimits
	mu     sync.Mutex
	recs   [][]byte
	told   []framework.Recording // without their bytes
}

func newKeeper() *keeper {
	return &keeper{limits: framework.RecordLimits{Bytes: 1 << 20, Header: true, Body: true}}
}

// RecordLimits implements framework.Recorder.
func (k *keeper) RecordLimits() framework.RecordLimits { return k.limits }

// Record implements framework.Recorder.
func (k *keeper) Record(r *framework.Recording) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recs = append(k.recs, bytes.Clone(r.Bytes))
	told := *r
	told.Bytes = nil
	k.told = append(k.told, told)
}

// option makes a server of miltertest record.
func (k *keeper) option() miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = k })
}

// messages decodes the recordings.
func (k *keeper) messages(t *testing.T) []*record.Message {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []*record.Message
	for _, rec := range k.recs {
		m, err := record.Decode(rec)
		require.NoError(t, err)
		summary, err := record.DecodeSummary(rec)
		require.NoError(t, err)
		assert.Equal(t, m.Summary, *summary, "the summary alone is the same")
		list = append(list, m)
	}
	return list
}

// message decodes the only recording.
func (k *keeper) message(t *testing.T) *record.Message {
	t.Helper()
	list := k.messages(t)
	require.Len(t, list, 1)
	return list[0]
}

// What differs from run to run in JSON: times, the identifier of the session, and where
// filters are registered.
var (
	times    = regexp.MustCompile(`("(?:at|took|working|waiting|longest|slowest)_ns": )-?\d+`)
	sessions = regexp.MustCompile(`("(?:session|began|slowest)": ")[^"]+`)
	lines    = regexp.MustCompile(`(\.go):\d+`)
)

// requireGolden compares a message as JSON with its file.
func requireGolden(t *testing.T, name string, m *record.Message) {
	t.Helper()
	got, err := json.MarshalIndent(m, "", "  ")
	require.NoError(t, err)
	got = sessions.ReplaceAll(times.ReplaceAll(got, []byte("${1}0")), []byte("${1}…"))
	got = append(lines.ReplaceAll(got, []byte("${1}:1")), '\n')
	path := filepath.Join("testdata", "golden", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

const mail = "From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n\nHello\n"

// filters mounts filters that do something of each kind.
func filters(verdict framework.Verdict) *framework.Router {
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		change, insert := r.GrantChangeHeader(), r.GrantAddHeader()
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			s.Annotate(slog.String("customer", "seven"))
			framework.RecordNote(s.Context(), "dns", "TXT example.org", time.Now(), errors.New("no such host"))
			return framework.Continue, nil
		})
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if e.Recipient() == "nobody@example.net" {
				return framework.Reply(550, "5.1.1", "no such user")
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.Join(
				change.Change(s, framework.NthHeader("Subject", 1), "[tag] greetings"),
				insert.Append(s, "X-Tagged", "yes"))
		})
		return nil
	}))
	r.Mount(miltertest.FilterFunc("rewriter", func(r *framework.Router) error {
		body, add, del := r.GrantReplaceBody(), r.GrantAddRecipient(), r.GrantChangeSender()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.Join(
				body.Replace(s, []byte("Bye\r\n")), add.Add(s, "<archive@example.net>"), del.Change(s, "<new@example.org>"))
		})
		return nil
	}))
	r.Mount(miltertest.FilterFunc("trial", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Reject, add.Append(s, "X-Trial", "yes")
		})
		return nil
	}), framework.DryRun())
	r.Mount(miltertest.FilterFunc("decider", func(r *framework.Router) error {
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return verdict, nil
		})
		return nil
	}))
	return r
}

func letter(opts ...miltertest.MessageOption) *mta.Message {
	return miltertest.Message(mail, append([]miltertest.MessageOption{
		miltertest.From("ann@example.org", "SIZE=100"), miltertest.To("bob@example.net", "nobody@example.net"),
		miltertest.Client("192.0.2.7"), miltertest.ClientName("client.example.org"), miltertest.Helo("client.example.org"),
		miltertest.QueueID("4ABC"), miltertest.Auth("ann"),
	}, opts...)...)
}

// Whole messages, as the page and the JSON API show them.
func TestGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		r    *framework.Router
		opts []miltertest.Option
	}{
		{"accepted", filters(framework.Continue), nil},
		{"rejected", filters(framework.MustReply(554, "5.7.1", "100% spam")), nil},
		{"deferred", filters(framework.TempFail), nil},
		{"discarded", filters(framework.Discard), nil},
		{"sendmail", filters(framework.Accept), []miltertest.Option{miltertest.As(miltertest.Sendmail())}},
		{"failed", single(func(r *framework.Router) {
			r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) {
				return framework.Continue, errors.New("the disk is on fire")
			})
		}), nil},
		{"refused-client", single(func(r *framework.Router) {
			r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) {
				return framework.Reply(554, "5.7.1", "go away")
			})
		}), nil},
		{"failed-for-recipient", single(func(r *framework.Router) {
			r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
				if e.Recipient() == "nobody@example.net" {
					return framework.Continue, errors.New("no list of users")
				}
				return framework.Continue, nil
			})
		}), nil},
		{"all-recipients-refused", single(func(r *framework.Router) {
			r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
				return framework.TempFail, nil
			})
		}), nil},
		{"quarantined", single(func(r *framework.Router) {
			q := r.GrantQuarantine()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Accept, q.Quarantine(s, "look at it")
			})
		}), nil},
		{"async", single(func(r *framework.Router) {
			v := framework.Async[int](r)
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				return framework.Continue, v.Start(s, func(ctx context.Context) (int, error) {
					framework.RecordNote(ctx, "http", "POST /scan", time.Now(), nil)
					return 1, nil
				})
			})
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				_, err := v.Wait(s)
				return framework.Continue, err
			})
		}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper()
			miltertest.RunRouter(t, tt.r, letter(), append(tt.opts, k.option())...)
			m := k.message(t)
			requireTimes(t, m)
			requireGolden(t, tt.name, m)
		})
	}
}

// requireTimes requires that the stages fit into the time that the message took, one after the
// other, and that those before the message take no part of it.
func requireTimes(t *testing.T, m *record.Message) {
	t.Helper()
	var sum time.Duration
	for i := range m.Stages {
		s := &m.Stages[i]
		require.GreaterOrEqual(t, s.At, time.Duration(0), s.Name)
		require.Equal(t, m.Number > 0 && (s.Name == "connect" || s.Name == "helo"), s.Earlier, s.Name)
		if s.Earlier {
			require.Zero(t, s.At+s.Waiting, s.Name)
			continue
		}
		sum += s.Waiting + s.Working
	}
	require.LessOrEqual(t, sum, m.Took)
}

func single(register func(*framework.Router)) *framework.Router {
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("filter", func(r *framework.Router) error {
		register(r)
		return nil
	}))
	return r
}
