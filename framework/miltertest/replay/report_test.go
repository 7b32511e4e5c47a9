package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

func assertGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// hostile has what a terminal must not get, in every place that a report shows.
func hostile() *mta.Message {
	return miltertest.Message("Subject: \x1b[2J\u202etfel\nX-Old: 1\n\nbody\x1b[0m\n",
		miltertest.From("a\x1b]0;x\a@example.org"), miltertest.To("b\u202e@example.net"), miltertest.QueueID("Q\x1b[1m"))
}

// records returns records of full and of messages of many kinds, with one that cannot be
// replayed.
func records(t *testing.T) []*record.Message {
	t.Helper()
	dial := quiet(t, full())
	var list []*record.Message
	for _, m := range []*mta.Message{letter(), sample(1), sample(3), hostile(), letter(miltertest.To("list0@example.net")), letter()} {
		list = append(list, recordedOn(t, dial, mta.Config{}, m))
	}
	list[5].Cut, list[5].Frames = true, list[5].Frames[:5]
	return list
}

func changed() policy {
	p := full()
	p.tag, p.subject, p.drop, p.refuseRcpt, p.refuseBody, p.hold = "a\u202eb", "[out]", "X-Spam", "carol", "body", "hello"
	p.footer, p.sender, p.addRcpt, p.rejected = "-- \r\n", "list@example.org", "dave@example.net", false
	return p
}

// The report for a human reader, and its JSON.
func TestReport(t *testing.T) {
	t.Parallel()
	cfg := replay.Config{Dial: quiet(t, changed()), AsksForMacros: true}
	var text strings.Builder
	var list []*replay.Result
	summary, err := replay.Run(t.Context(), cfg, each(records(t)), func(r *replay.Result) error {
		text.WriteString(r.Text())
		list = append(list, r)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, summary.WriteText(&text))
	assertGolden(t, "report.txt", text.String())
	assert.NotContains(t, text.String(), "\x1b")
	assert.NotContains(t, text.String(), "\u202e")
	out, err := json.MarshalIndent(map[string]any{"messages": list, "summary": summary}, "", "  ")
	require.NoError(t, err)
	assertGolden(t, "report.json", string(out)+"\n")
	assert.Equal(t, replay.ExitDiffers, summary.Status())
}

func TestStatus(t *testing.T) {
	t.Parallel()
	assert.Equal(t, replay.ExitSame, (&replay.Summary{Records: 3}).Status())
	assert.Equal(t, replay.ExitNotReplayable, (&replay.Summary{Records: 3, NotReplayable: 1}).Status())
	assert.Equal(t, replay.ExitDiffers, (&replay.Summary{Records: 3, NotReplayable: 1, Different: 1}).Status())
}

// The results come in the order of the records, and no more of them are played at a time than
// allowed.
func TestRunBounds(t *testing.T) {
	t.Parallel()
	dial := quiet(t, full())
	m := recordedOn(t, dial, mta.Config{}, letter())
	for _, connections := range []int{0, 1, 2, 5} {
		var open, most, read atomic.Int64
		cfg := replay.Config{Connections: connections, AsksForMacros: true, Dial: func(ctx context.Context) (net.Conn, error) {
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			conn, err := dial(ctx)
			return &counted{Conn: conn, open: &open}, err
		}}
		n := 0
		summary, err := replay.Run(t.Context(), cfg, many(m, 60, &read), func(*replay.Result) error {
			n++
			assert.LessOrEqual(t, read.Load()-int64(n), int64(max(connections, 1)))
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, 60, summary.Records)
		assert.LessOrEqual(t, most.Load(), int64(max(connections, 1)))
	}
}

type counted struct {
	net.Conn
	open *atomic.Int64
	done atomic.Bool
}

func (c *counted) Close() error {
	if c.done.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

func many(m *record.Message, n int64, read *atomic.Int64) iter.Seq2[*record.Message, error] {
	return func(yield func(*record.Message, error) bool) {
		for range n {
			read.Add(1)
			if !yield(m, nil) {
				return
			}
		}
	}
}

// What ends a replay.
func TestRunErrors(t *testing.T) {
	t.Parallel()
	dial := quiet(t, full())
	m := recordedOn(t, dial, mta.Config{}, letter())
	wrong := errors.New("wrong")
	works := replay.Config{Dial: dial, AsksForMacros: true, Connections: 3}
	refuses := replay.Config{Dial: func(context.Context) (net.Conn, error) { return nil, wrong }}
	broken := func(yield func(*record.Message, error) bool) { _ = yield(m, nil) && yield(nil, wrong) }
	fails := func(*replay.Result) error { return wrong }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		cfg     replay.Config
		records iter.Seq2[*record.Message, error]
		each    func(*replay.Result) error
		is      error
		done    int
	}{
		"the filter is not reached": {t.Context(), refuses, each([]*record.Message{m}), nil, wrong, 0},
		"the records end in error":  {t.Context(), works, broken, nil, wrong, 1},
		"the caller stops":          {t.Context(), works, many(m, 50, new(atomic.Int64)), fails, wrong, 1},
		"the context has ended":     {ended, works, many(m, 50, new(atomic.Int64)), nil, context.Canceled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			summary, err := replay.Run(c.ctx, c.cfg, c.records, c.each)
			require.ErrorIs(t, err, c.is)
			assert.Equal(t, c.done, summary.Records)
		})
	}
	_, err := replay.Run(t.Context(), replay.Config{}, each(nil), nil)
	assert.EqualError(t, err, "replay: Config.Dial is required")
	_, err = replay.Run(t.Context(), replay.Config{Dial: dial, Check: func() string { return "" }, Connections: 2}, each(nil), nil)
	assert.EqualError(t, err, "replay: Config.Check needs one connection")
	_, err = replay.Run(t.Context(), refuses, each([]*record.Message{m}), nil)
	assert.ErrorAs(t, err, new(*replay.DialError))
}

// A filter that is left out on purpose, and had a part in what was recorded.
func TestAbsent(t *testing.T) {
	t.Parallel()
	dial := quiet(t, full())
	cfg := replay.Config{Dial: dial, AsksForMacros: true, Absent: []string{"virus"}}
	for name, c := range map[string]struct {
		filter record.Filter
		reason string
	}{
		"saw the message":   {record.Filter{Name: "virus", Verdict: record.Verdict{Kind: "continue"}}, ""},
		"edited":            {record.Filter{Name: "virus", Edits: []record.Edit{{Kind: "addheader"}}}, "the filter virus is left out, and it had decided or edited"},
		"refused":           {record.Filter{Name: "virus", Verdict: record.Verdict{Kind: "reply"}}, "the filter virus is left out, and it had decided or edited"},
		"edited in dry run": {record.Filter{Name: "virus", DryRun: true, Edits: []record.Edit{{Kind: "addheader"}}}, ""},
		"another edited":    {record.Filter{Name: "spam", Edits: []record.Edit{{Kind: "addheader"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := recordedOn(t, dial, mta.Config{}, letter())
			m.Filters = []record.Filter{c.filter}
			res, err := replay.Play(t.Context(), cfg, m)
			require.NoError(t, err)
			assert.Equal(t, c.reason, res.NotReplayable)
		})
	}
	m := recordedOn(t, dial, mta.Config{}, letter())
	m.Recipients[0].Refusal = &record.Verdict{Filter: "virus"}
	res, err := replay.Play(t.Context(), cfg, m)
	require.NoError(t, err)
	assert.Equal(t, "the filter virus is left out, and it had refused a recipient", res.NotReplayable)
}

// Check may turn down a result.
func TestCheck(t *testing.T) {
	t.Parallel()
	dial := quiet(t, full())
	m := recordedOn(t, dial, mta.Config{}, letter())
	res, err := replay.Play(t.Context(), replay.Config{Dial: dial, AsksForMacros: true, Check: func() string { return "it looked up a name" }}, m)
	require.NoError(t, err)
	assert.Equal(t, "it looked up a name", res.NotReplayable)
	assert.False(t, res.Differs())
}

func TestPersonality(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]mta.Config{
		"Postfix": miltertest.Postfix().MTA, "sendmail": miltertest.Sendmail().MTA, "STALWART": miltertest.Stalwart().MTA, "plain": miltertest.Plain().MTA,
	} {
		got, err := replay.Personality(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := replay.Personality("exim")
	assert.EqualError(t, err, `unknown MTA "exim": want postfix, sendmail, stalwart or plain`)
}

func TestAddress(t *testing.T) {
	t.Parallel()
	_, err := replay.Address("inet:x", 0)
	require.Error(t, err)
	dial, err := replay.Address("unix:"+filepath.Join(t.TempDir(), "none"), 0)
	require.NoError(t, err)
	_, err = replay.Run(t.Context(), replay.Config{Dial: dial}, each([]*record.Message{recordedOn(t, quiet(t, policy{refuseSender: "a"}), mta.Config{}, letter())}), nil)
	assert.ErrorAs(t, err, new(*replay.DialError))
}
