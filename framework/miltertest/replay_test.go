package miltertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// recordInto sends messages to a filter, and records them in a folder.
func recordInto(t miltertest.T, folder string, filter framework.Filter, msgs ...*mta.Message) {
	inspector, err := inspect.New(inspect.Config{Memory: 8 << 20, Folder: folder, Content: record.ContentAll})
	require.NoError(t, err)
	srv := miltertest.NewServer(t, filter, miltertest.Configure(func(c *framework.Config) { c.Recorder = inspector }))
	for _, m := range msgs {
		conn := srv.Dial(t)
		conn.Run(t, m)
		require.NoError(t, conn.Quit(t.Context()))
	}
	srv.Close(t)
	require.NoError(t, inspector.Close())
}

// refuser refuses one sender, and tags the mail of others.
func refuser(sender, tag string) framework.Filter {
	return miltertest.FilterFunc("refuser", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnMail(func(s *session, m *framework.Mail) (framework.Verdict, error) {
			if m.Sender() == sender {
				if tag == "warns" {
					s.Logger().Warn("refused")
				}
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Tag", tag)
		})
		return nil
	})
}

// reads returns a filter that also asks for the header.
func reads(f framework.Filter) framework.Filter {
	return miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.ObserveHeader(func(*session, *framework.Header) error { return nil })
		return f.Register(r)
	})
}

func from(senders ...string) (list []*mta.Message) {
	for i, sender := range senders {
		list = append(list, miltertest.Message("Subject: hello\n\n.\n", miltertest.From(sender), miltertest.QueueID(fmt.Sprint("Q", i))))
	}
	return list
}

func ExampleReplay() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	folder, _ := os.MkdirTemp("", "records")
	defer func() { _ = os.RemoveAll(folder) }()
	earlier := miltertest.ExampleT(os.Stdout)
	recordInto(earlier, folder, refuser("bulk@example.com", "1"), from("ann@example.org", "bob@example.org")...)

	earlier.Finish()

	// The new version refuses another sender.
	miltertest.Replay(t, refuser("bob@example.org", "1"), folder)
	// Output:
	// miltertest: Q1 from <bob@example.org>
	//   verdict
	//     recorded        accepted
	//     now             rejected at Mail
}

func TestReplay(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var senders []string
	for i := range 25 {
		senders = append(senders, fmt.Sprintf("ann%d@example.org", i))
	}
	recordInto(t, folder, refuser("ann3@example.org", "1"), from(senders...)...)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "x.txt"), nil, 0o600))
	for name, c := range map[string]struct {
		filter framework.Filter
		opts   []miltertest.Option
		fails  string // a part of the output, or "" if the test does not fail
		lines  int    // of it
	}{
		"the same":                     {refuser("ann3@example.org", "1"), nil, "", 0},
		"the same as Sendmail":         {refuser("ann3@example.org", "1"), []miltertest.Option{miltertest.As(miltertest.Sendmail())}, "", 0},
		"another tag":                  {refuser("ann3@example.org", "2"), nil, "4 more messages of " + folder + " differ or cannot be replayed", 21},
		"another tag that is left out": {refuser("ann3@example.org", "2"), []miltertest.Option{miltertest.IgnoreFields("X-Other"), miltertest.IgnoreFields("X-Tag")}, "", 0},
		"another sender":               {refuser("ann4@example.org", "1"), nil, "rejected at Mail", 2},
		"a warning":                    {refuser("ann4@example.org", "warns"), []miltertest.Option{miltertest.IgnoreFields("X-Tag")}, "log:\nWARN refused", 2},
		"more is asked for":            {reads(refuser("ann3@example.org", "1")), nil, "not replayable: the filter asks for the header", 21},
		"more is asked for, allowed":   {reads(refuser("ann3@example.org", "1")), []miltertest.Option{miltertest.AllowNotReplayable()}, "", 0},
		"a configuration": {
			refuser("ann3@example.org", "2"), []miltertest.Option{miltertest.ReplayConfig(func(c *replay.Config) { c.Fields = replay.IgnoreFields("X-Tag") })}, "", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, ft := trial(func(t *fakeT) {
				summary := miltertest.Replay(t, c.filter, folder, c.opts...)
				assert.Equal(t, len(senders), summary.Records)
			})
			assert.Equal(t, c.fails != "", ft.failed, out)
			assert.Contains(t, out, c.fails)
			assert.Equal(t, c.lines, strings.Count(out, "miltertest: "), out)
		})
	}
}

func TestReplayRouter(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	recordInto(t, folder, refuser("ann@example.org", "1"), from("ann@example.org", "bob@example.org")...)
	r := framework.NewRouter()
	r.Mount(refuser("ann@example.org", "1"))
	assert.Equal(t, 2, miltertest.ReplayRouter(t, r, folder).Records)
	out, ft := trial(func(t *fakeT) { miltertest.ReplayRouter(t, r, folder, miltertest.Lane(framework.FailOpen())) })
	assert.True(t, ft.ended)
	assert.Contains(t, out, "the option Lane cannot be used with a router")
}

// What ends the test.
func TestReplayFails(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"no file": "testdata/none", "no record": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, ft := trial(func(t *fakeT) { miltertest.Replay(t, refuser("", ""), path) })
			assert.True(t, ft.ended)
		})
	}
}
