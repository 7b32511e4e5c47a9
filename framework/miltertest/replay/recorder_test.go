package replay_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
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

// recordedInto sends messages to a filter whose server records into a folder, and returns the
// folder. Several messages use each connection.
func recordedInto(t testing.TB, f framework.Filter, cfg inspect.Config, as mta.Config, msgs []*mta.Message) string {
	t.Helper()
	cfg.Folder, cfg.Memory = t.TempDir(), 8<<20 // the tests run many at once
	inspector, err := inspect.New(cfg)
	require.NoError(t, err)
	dial, wait := quietServer(t, f, func(c *framework.Config) { c.Recorder = inspector })
	const each = 5 // messages of a connection
	for len(msgs) > 0 {
		conn, err := dial(t.Context())
		require.NoError(t, err)
		c := mta.NewConn(conn, as)
		for _, m := range msgs[:min(each, len(msgs))] {
			_, err := c.Send(t.Context(), m)
			require.NoError(t, err)
		}
		_ = c.Quit(t.Context())
		msgs = msgs[min(each, len(msgs)):]
	}
	wait()
	require.NoError(t, inspector.Close())
	return cfg.Folder
}

// 500 messages that the recorder recorded, against the same filter and against changed ones.
func TestRecorded(t *testing.T) {
	t.Parallel()
	const count = 500
	source := rand.New(rand.NewPCG(3, 4))
	mails := make(map[string]*mail, count)
	var msgs []*mta.Message
	for i := range count {
		m := draw(source, i)
		m.client = "192.0.2.1" // of all messages of a connection
		mails[fmt.Sprintf("Q%04d", i)] = &m
		msgs = append(msgs, m.message())
	}
	for _, from := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail(), miltertest.Stalwart()} {
		folder := recordedInto(t, full(), inspect.Config{Content: record.ContentAll}, from.MTA, msgs)
		for _, name := range []string{"nothing", "another tag", "another subject", "another footer", "another hold", "another word in the body"} {
			if from.Name == "Stalwart" && name != "nothing" {
				continue // the model is not that of Stalwart, and there is no queue ID
			}
			t.Run(from.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := full()
				changes()[name](&p)
				seen := 0
				summary, err := replay.Run(t.Context(), replay.Config{Dial: quiet(t, p), AsksForMacros: true, Connections: 4}, record.Open(folder), func(r *replay.Result) error {
					seen++
					assert.Empty(t, r.NotReplayable)
					if m := mails[r.QueueID]; m != nil {
						assert.Equal(t, fateOf(full(), m) != fateOf(p, m), r.Differs(), r.Text())
					} else {
						assert.False(t, r.Differs(), r.Text())
					}
					return nil
				})
				require.NoError(t, err)
				assert.Equal(t, count, summary.Records)
				assert.Equal(t, name == "nothing", summary.Different == 0)
			})
		}
	}
}

// What the recorder leaves out is not compared.
func TestRecordedWithout(t *testing.T) {
	t.Parallel()
	reads := policy{refuseBody: "never", discard: "never", tag: "yes", footer: "--\r\n"}
	large := letter()
	for range 3000 {
		large.Body = append(large.Body, "a line of a body that exceeds the limit of the recorder\r\n"...)
	}
	for name, c := range map[string]struct {
		cfg    inspect.Config
		was    policy
		is     policy
		msg    *mta.Message
		reason string
	}{
		"body, and it is asked for": {
			inspect.Config{}, reads, reads, letter(), "the filter asks for the body, which was not recorded",
		},
		"body, and it is not asked for": {
			inspect.Config{}, policy{discard: "never", tag: "yes"}, policy{discard: "never", tag: "yes"}, letter(), "",
		},
		"new body": {
			inspect.Config{},
			policy{discard: "never", footer: "--\r\n"},
			policy{discard: "never", tag: "yes"},
			letter(),
			"a modification of the recorded filter was not recorded",
		},
		"header": {
			inspect.Config{Content: record.ContentNone},
			policy{discard: "never"},
			policy{discard: "never"},
			letter(),
			"the filter asks for the header, which was not recorded",
		},
		"new fields": {
			inspect.Config{Content: record.ContentNone},
			policy{tag: "yes"},
			policy{tag: "yes"},
			letter(),
			"a modification of the recorded filter was not recorded",
		},
		"header, and the filter refuses the sender": {
			inspect.Config{Content: record.ContentNone}, policy{refuseSender: "ann", tag: "yes"}, policy{refuseSender: "ann", tag: "yes"}, letter(), "",
		},
		"local parts": {
			inspect.Config{Shorten: true},
			policy{refuseSender: "zoe"},
			policy{refuseSender: "zoe"},
			letter(),
			"the addresses were recorded without their local parts",
		},
		"the end of a large body": {
			inspect.Config{Content: record.ContentAll, MaxMessage: 80 << 10}, reads, reads, large, "the filter asks for the body, which was not recorded",
		},
		"the end of a large body that is not asked for": {
			inspect.Config{Content: record.ContentAll, MaxMessage: 80 << 10}, policy{refuseBody: "never", discard: "never"}, policy{discard: "never"}, large, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := recordedInto(t, c.was, c.cfg, mta.Config{}, []*mta.Message{c.msg})
			n := 0
			_, err := replay.Run(t.Context(), replay.Config{Dial: quiet(t, c.is), AsksForMacros: true}, record.Open(folder), func(r *replay.Result) error {
				n++
				assert.Equal(t, c.reason, r.NotReplayable)
				assert.False(t, r.Differs(), r.Text())
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, 1, n)
		})
	}
}

// A record that cannot be read is one that cannot be replayed, and the others are.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	dial := quiet(t, full())
	m := recordedOn(t, dial, mta.Config{}, letter())
	records := func(yield func(*record.Message, error) bool) {
		_ = yield(nil, fmt.Errorf("a.sluice: %w", record.ErrMalformed)) && yield(m, nil) && yield(nil, fmt.Errorf("b.sluice: %w", record.ErrTorn))
	}
	summary, err := replay.Run(t.Context(), replay.Config{Dial: dial, AsksForMacros: true}, records, func(r *replay.Result) error {
		if r.ID == "" {
			assert.Contains(t, r.Text(), "the record cannot be read: ")
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 2, summary.NotReplayable)
	assert.Equal(t, 3, summary.Records)
	assert.Len(t, summary.Reasons, 2)
	var text strings.Builder
	require.NoError(t, summary.WriteText(&text))
	assert.Contains(t, text.String(), "the record cannot be read: a.sluice: record: malformed record\n")
}

// Stages that the MTA sent for the record only are no difference of the plans, whether the new
// filter's server records or not. A filter that asks for one of them is.
func TestPlanOfCompleteRecords(t *testing.T) {
	t.Parallel()
	atEnd := func(r *framework.Router) error {
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, nil
		})
		return nil
	}
	withMail := func(r *framework.Router) error {
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		return atEnd(r)
	}
	cfg := inspect.Config{Content: record.ContentAll, Complete: true}
	msg := &mta.Message{Client: mta.Client{Addr: "192.0.2.1"}, Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}}}
	folder := recordedInto(t, miltertest.FilterFunc("one", atEnd), cfg, miltertest.Postfix().MTA, []*mta.Message{msg})
	for name, c := range map[string]struct {
		filter func(*framework.Router) error
		with   func(*framework.Config)
		want   *replay.Plan
	}{
		"the same":                {atEnd, func(*framework.Config) {}, nil},
		"the same, with a record": {atEnd, func(c *framework.Config) { c.Recorder = newInspector(t, cfg) }, nil},
		"one more stage": {withMail, func(*framework.Config) {}, &replay.Plan{
			Added: []string{"SMFIP_NR_MAIL"}, Removed: []string{"SMFIP_NOMAIL"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial, wait := quietServer(t, miltertest.FilterFunc("one", c.filter), c.with)
			summary, err := replay.Run(t.Context(), replay.Config{Dial: dial}, record.Open(folder), func(r *replay.Result) error {
				assert.Equal(t, c.want, r.Plan)
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, 1, summary.Records)
			assert.Equal(t, replay.ExitSame, summary.Status(), summary.Reasons)
			wait()
		})
	}
}

func newInspector(t *testing.T, cfg inspect.Config) *inspect.Inspector {
	t.Helper()
	cfg.Memory = 8 << 20 // the tests run many at once
	in, err := inspect.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, in.Close()) })
	return in
}

// What the record lacks of a message does not hide a difference.
func TestDifferencesWithoutContent(t *testing.T) {
	t.Parallel()
	edits := func(value, sender string) framework.Filter {
		return miltertest.FilterFunc("one", func(r *framework.Router) error {
			add, from := r.GrantAddHeader(), r.GrantChangeSender()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				err := add.Append(s, "X-New", value)
				if sender != "unchanged" {
					err = errors.Join(err, from.Change(s, sender))
				}
				return framework.Continue, err
			})
			return nil
		})
	}
	msg := &mta.Message{Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}}}
	folder := recordedInto(t, edits("1", "unchanged"), inspect.Config{Content: record.ContentHeader}, miltertest.Postfix().MTA, []*mta.Message{msg})
	for name, c := range map[string]struct {
		value, sender string
		want          []replay.Kind
	}{
		"nothing":        {"1", "unchanged", nil},
		"another value":  {"2", "unchanged", []replay.Kind{replay.KindHeader}},
		"one more space": {" 1", "unchanged", []replay.Kind{replay.KindHeader}},
		"a sender":       {"1", "carol@example.org", []replay.Kind{replay.KindSender}},
		"the null path":  {"1", "", []replay.Kind{replay.KindSender}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			summary, err := replay.Run(t.Context(), replay.Config{Dial: quiet(t, edits(c.value, c.sender))}, record.Open(folder), func(r *replay.Result) error {
				assert.Equal(t, c.want, r.Kinds(), r.Text())
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, 1, summary.Records)
			assert.Zero(t, summary.NotReplayable, summary.Reasons)
		})
	}
}
