package replay_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// replayed records a message with one policy and replays it with another.
func replayed(t *testing.T, was, is policy, change func(*replay.Config), msgs ...*mta.Message) *replay.Result {
	t.Helper()
	m := recorded(t, miltertest.NewServer(t, was, miltertest.AllowWrongStages()), mta.Config{}, msgs...)
	cfg := to(miltertest.NewServer(t, is, miltertest.AllowWrongStages()))
	if change != nil {
		change(&cfg)
	}
	res, err := replay.Play(t.Context(), cfg, m)
	require.NoError(t, err)
	return res
}

func letter(opts ...miltertest.MessageOption) *mta.Message {
	return miltertest.Message("From: ann@example.org\nSubject: hello\nX-Old: 1\nX-Old: 2\n\nHow are you?\nAnn\n",
		append([]miltertest.MessageOption{miltertest.From("ann@example.org"), miltertest.To("bob@example.net", "carol@example.com"), miltertest.QueueID("4Zletter")}, opts...)...)
}

// Each kind of difference, by the names of what differs.
func TestDifferences(t *testing.T) {
	t.Parallel()
	reads := policy{refuseClient: "203.0.113.9", refuseSender: "nobody", refuseRcpt: "nobody", refuseBody: "never", drop: "X-None"}
	with := func(change func(*policy)) policy {
		p := reads
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		was, is policy
		kinds   []replay.Kind
		// recorded and now are the sides of the first difference.
		recorded, now string
	}{
		"refused at connect": {
			policy{refuseClient: "192.0.2.2"},
			policy{refuseClient: "192.0.2.1"},
			[]replay.Kind{replay.KindVerdict},
			"accepted", "rejected at Connect",
		},
		"refused at helo": {
			policy{refuseHelo: "other"},
			policy{refuseHelo: "client.example.org"},
			[]replay.Kind{replay.KindVerdict},
			"accepted", "rejected at Helo",
		},
		"sender refused": {
			with(func(p *policy) { p.refuseSender = "zoe" }), with(func(p *policy) { p.refuseSender = "ann" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "rejected at Mail",
		},
		"sender deferred instead of refused": {
			policy{refuseSender: "ann"},
			policy{deferSender: "ann"},
			[]replay.Kind{replay.KindVerdict},
			"rejected at Mail", "deferred at Mail",
		},
		"sender no longer refused": {
			with(func(p *policy) { p.refuseSender = "ann" }), with(func(p *policy) { p.refuseSender = "zoe" }),
			[]replay.Kind{replay.KindVerdict},
			"rejected at Mail", "not refused there",
		},
		"another text of the reply": {
			policy{refuseSender: "ann"},
			policy{refuseSender: "ann", reply: "never"},
			[]replay.Kind{replay.KindReply},
			"550 5.7.1 no", "550 5.7.1 never",
		},
		"refused at another stage": {
			with(func(p *policy) { p.refuseBody = "you?" }), with(func(p *policy) { p.refuseSender = "ann" }),
			[]replay.Kind{replay.KindVerdict},
			"rejected at Body", "rejected at Mail",
		},
		"a recipient refused": {
			reads, with(func(p *policy) { p.refuseRcpt = "bob" }),
			[]replay.Kind{replay.KindRefused, replay.KindRecipients},
			"", "<bob@example.net> 550 5.7.1 no",
		},
		"a recipient no longer refused": {
			with(func(p *policy) { p.refuseRcpt = "bob" }), reads,
			[]replay.Kind{replay.KindRefused, replay.KindRecipients},
			"<bob@example.net> 550 5.7.1 no", "",
		},
		"another recipient refused": {
			with(func(p *policy) { p.refuseRcpt = "bob" }), with(func(p *policy) { p.refuseRcpt = "carol" }),
			[]replay.Kind{replay.KindRefused, replay.KindRecipients},
			"<bob@example.net> 550 5.7.1 no", "<carol@example.com> 550 5.7.1 no",
		},
		"all recipients refused": {
			reads, with(func(p *policy) { p.refuseRcpt = "example" }),
			[]replay.Kind{replay.KindVerdict, replay.KindRefused},
			"accepted", "rejected at Rcpt",
		},
		"all recipients no longer refused": {
			with(func(p *policy) { p.refuseRcpt = "example" }), reads,
			[]replay.Kind{replay.KindVerdict, replay.KindRefused},
			"rejected at Rcpt", "not refused there",
		},
		"refused at data": {
			with(func(p *policy) { p.refuseData = "zoe" }), with(func(p *policy) { p.refuseData = "ann" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "rejected at Data",
		},
		"data was not asked for": {
			with(func(p *policy) { p.refuseSender = "zoe" }), with(func(p *policy) { p.refuseData = "ann" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "rejected at Data",
		},
		"discarded": {
			reads, with(func(p *policy) { p.discard = "hello" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "discarded",
		},
		"no longer discarded": {
			with(func(p *policy) { p.discard = "hello" }), reads,
			[]replay.Kind{replay.KindVerdict},
			"discarded", "not refused there",
		},
		"body refused": {
			reads, with(func(p *policy) { p.refuseBody = "Ann\r\n" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "rejected at Body",
		},
		"a handler fails": {
			reads, with(func(p *policy) { p.fail = "hello" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "deferred at Header",
		},
		"a field added": {
			reads, with(func(p *policy) { p.tag = "yes" }),
			[]replay.Kind{replay.KindHeader},
			"", "X-Tag: yes",
		},
		"another value of a field": {
			with(func(p *policy) { p.tag = "no" }), with(func(p *policy) { p.tag = "yes" }),
			[]replay.Kind{replay.KindHeader},
			"X-Tag: no", "X-Tag: yes",
		},
		"a long value differs at its end": {
			with(func(p *policy) { p.tag = strings.Repeat("a", 900) + "b" }), with(func(p *policy) { p.tag = strings.Repeat("a", 900) + "c" }),
			[]replay.Kind{replay.KindHeader},
			"X-Tag: " + strings.Repeat("a", 293) + "… and 608 bytes more", "X-Tag: " + strings.Repeat("a", 293) + "… and 608 bytes more",
		},
		"a field at the top": {
			reads, with(func(p *policy) { p.top = "yes" }),
			[]replay.Kind{replay.KindHeader},
			"", "X-Top: yes",
		},
		"fields deleted": {
			reads, with(func(p *policy) { p.drop = "X-Old" }),
			[]replay.Kind{replay.KindHeader},
			"X-Old: 1\nX-Old: 2", "",
		},
		"a field changed": {
			reads, with(func(p *policy) { p.subject = "[ext]" }),
			[]replay.Kind{replay.KindHeader},
			"Subject: hello", "Subject: [ext] hello",
		},
		"body replaced": {
			reads, with(func(p *policy) { p.footer = "--\r\n" }),
			[]replay.Kind{replay.KindBody},
			"19 bytes, line 3: ", "23 bytes, line 3: --",
		},
		"sender changed": {
			reads, with(func(p *policy) { p.sender = "list@example.org" }),
			[]replay.Kind{replay.KindSender},
			"<ann@example.org>", "<list@example.org>",
		},
		"a recipient added": {
			reads, with(func(p *policy) { p.addRcpt = "dave@example.net" }),
			[]replay.Kind{replay.KindRecipients},
			"<bob@example.net>\n<carol@example.com>", "<bob@example.net>\n<carol@example.com>\n<dave@example.net>",
		},
		"a recipient deleted": {
			reads, with(func(p *policy) { p.deleteRcpt = "bob" }),
			[]replay.Kind{replay.KindRecipients},
			"<bob@example.net>\n<carol@example.com>", "<carol@example.com>",
		},
		"held": {
			reads, with(func(p *policy) { p.hold = "hello" }),
			[]replay.Kind{replay.KindVerdict},
			"accepted", "quarantined",
		},
		"held for another reason": {
			with(func(p *policy) { p.hold = "hello" }), with(func(p *policy) { p.hold = "hell" }),
			[]replay.Kind{replay.KindQuarantine},
			"held for hello", "held for hell",
		},
		"nothing": {reads, reads, nil, "", ""},
		"less is asked for, and nothing differs": {
			reads, policy{refuseSender: "zoe"}, nil, "", "",
		},
		"accepted early instead of at the end": {
			with(func(p *policy) { p.acceptSender = "zoe" }), with(func(p *policy) { p.acceptSender = "ann" }), nil, "", "",
		},
		"accepted early, so not edited": {
			with(func(p *policy) { p.acceptSender, p.tag = "zoe", "yes" }), with(func(p *policy) { p.acceptSender, p.tag = "ann", "yes" }),
			[]replay.Kind{replay.KindHeader},
			"X-Tag: yes", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := replayed(t, c.was, c.is, nil, letter())
			require.Empty(t, res.NotReplayable)
			require.Equal(t, c.kinds, res.Kinds(), res.Text())
			assert.Equal(t, c.kinds != nil, res.Differs())
			if res.Differs() {
				assert.Equal(t, c.recorded, res.Messages[0].Differences[0].Recorded)
				assert.Equal(t, c.now, res.Messages[0].Differences[0].Now)
			}
		})
	}
}

// What the record does not tell is never compared.
func TestNotReplayable(t *testing.T) {
	t.Parallel()
	cut := func(m *record.Message) {
		m.Cut = true
		for m.Frames[len(m.Frames)-1].FromMTA || m.Frames[len(m.Frames)-1].Code == 'c' {
			m.Frames = m.Frames[:len(m.Frames)-1] // the end is missing
		}
		m.Frames = m.Frames[:len(m.Frames)-1]
	}
	shortened := func(m *record.Message) { m.Shortened = true }
	without := func(codes string) func(*record.Message) {
		return func(m *record.Message) {
			for i := range m.Frames {
				if f := &m.Frames[i]; f.FromMTA && strings.Contains(codes, string(f.Code)) {
					f.Data = nil
				}
			}
		}
	}
	for name, c := range map[string]struct {
		was, is policy
		change  func(*record.Message)
		reason  string
		assumed string // with Config.Assume, or "" if that does not help
	}{
		"the client": {
			policy{refuseRcpt: "no", refuseHelo: "x"},
			policy{refuseClient: "192.0.2.9"},
			nil,
			"the filter asks for the client, which the recorded one had not asked for", "",
		},
		"helo": {
			policy{refuseSender: "no"},
			policy{refuseHelo: "x"},
			nil,
			"the filter asks for HELO, which the recorded one had not asked for", "",
		},
		"the sender": {
			policy{refuseRcpt: "no"},
			policy{refuseSender: "no"},
			nil,
			"the filter asks for the sender, which the recorded one had not asked for", "",
		},
		"the recipients": {
			policy{refuseSender: "no"},
			policy{refuseRcpt: "no"},
			nil,
			"the filter asks for the recipients, which the recorded one had not asked for", "",
		},
		"the header": {
			policy{refuseSender: "no"},
			policy{discard: "no"},
			nil,
			"the filter asks for the header, which the recorded one had not asked for", "",
		},
		"the body": {
			policy{discard: "no"},
			policy{refuseBody: "no"},
			nil,
			"the filter asks for the body, which the recorded one had not asked for", "",
		},
		"the header was not kept": {
			policy{discard: "no"},
			policy{discard: "no"},
			without("L"),
			"the filter asks for the header, which was not recorded", "",
		},
		"the body was not kept": {
			policy{refuseBody: "no"},
			policy{refuseBody: "no"},
			without("B"),
			"the filter asks for the body, which was not recorded", "",
		},
		"the rest of the body was skipped": {
			policy{refuseBody: "no", skipBody: true},
			policy{refuseBody: "no"},
			nil,
			"the filter reads on where the recorded one skipped the rest of the body", "",
		},
		"the message was accepted early": {
			policy{acceptSender: "ann", refuseRcpt: "no"},
			policy{acceptSender: "zoe", refuseRcpt: "no"},
			nil,
			"the recorded filter accepted the message at Mail, and the rest was not recorded", "",
		},
		"a modification was not kept": {
			policy{tag: "yes"},
			policy{tag: "yes"},
			func(m *record.Message) {
				for i := range m.Frames {
					if f := &m.Frames[i]; !f.FromMTA && f.Code == 'h' {
						f.Data = nil
					}
				}
			},
			"a modification of the recorded filter was not recorded", "",
		},
		"the answer was not kept": {
			policy{refuseSender: "ann"},
			policy{refuseSender: "ann"},
			func(m *record.Message) {
				for i := range m.Frames {
					if f := &m.Frames[i]; !f.FromMTA && f.Code == 'y' {
						f.Data = nil
					}
				}
			},
			"an answer of the recorded filter was not recorded", "",
		},
		"the record was cut": {
			policy{tag: "yes"},
			policy{tag: "yes"},
			cut,
			"the record was cut, because the message exceeds the recorder's limit", "",
		},
		"no negotiation": {
			policy{tag: "yes"},
			policy{tag: "yes"},
			func(m *record.Message) { m.Frames = m.Frames[2:] },
			"the negotiation was not recorded", "",
		},
		"a damaged frame": {
			policy{refuseSender: "no"},
			policy{refuseSender: "no"},
			func(m *record.Message) {
				for i := range m.Frames {
					if f := &m.Frames[i]; f.Code == 'M' {
						f.Data = f.Data[:len(f.Data)-1]
					}
				}
			},
			"the record has a damaged frame: wire: protocol violation in SMFIC_MAIL: string without a terminating NUL", "",
		},
		"addresses were shortened": {
			policy{refuseSender: "no"},
			policy{refuseSender: "no"},
			shortened,
			"the addresses were recorded without their local parts", "no rule goes by local parts",
		},
		"unknown commands": {
			policy{refuseSender: "no"},
			policy{refuseSender: "no", unknown: true},
			nil,
			"the filter asks for unknown commands, which were not recorded", "the client sent no unknown command",
		},
		"recipients that the MTA refused": {
			policy{refuseRcpt: "no"},
			policy{refuseRcpt: "no", rejected: true},
			nil,
			"the filter asks for recipients that the MTA refused, which were not recorded", "the MTA itself refused no recipient",
		},
		"the spaces behind colons": {
			policy{discard: "no"},
			policy{raw: true},
			nil,
			"the filter asks for the spaces behind the colons of the header, which the recorded one had not asked for", "one space followed each colon",
		},
		"a macro": {
			policy{refuseHelo: "no", drop: "X-None"},
			policy{tls: true},
			nil,
			"the filter asks for the macro {tls_version} at Helo, which was not recorded", "the macro {tls_version} had no value at Helo",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := recorded(t, miltertest.NewServer(t, c.was), mta.Config{}, letter())
			if c.change != nil {
				c.change(m)
			}
			cfg := to(miltertest.NewServer(t, c.is))
			res, err := replay.Play(t.Context(), cfg, m)
			require.NoError(t, err)
			assert.Equal(t, c.reason, res.NotReplayable)
			assert.False(t, res.Differs())
			assert.Empty(t, res.Assumed)

			cfg.Assume = true
			res, err = replay.Play(t.Context(), cfg, m)
			require.NoError(t, err)
			if c.assumed == "" {
				assert.Equal(t, c.reason, res.NotReplayable)
				return
			}
			assert.Empty(t, res.NotReplayable)
			assert.Contains(t, res.Assumed, c.assumed)
		})
	}
}

// A filter that decides before it needs what was not recorded is compared.
func TestDecidesBeforeWhatIsMissing(t *testing.T) {
	t.Parallel()
	reads := policy{refuseBody: "never", refuseRcpt: "nobody"}
	is := reads
	is.refuseRcpt = "example"
	m := recorded(t, miltertest.NewServer(t, reads), mta.Config{}, letter())
	for i := range m.Frames {
		if f := &m.Frames[i]; f.Code == 'B' {
			f.Data = nil
		}
	}
	res, err := replay.Play(t.Context(), to(miltertest.NewServer(t, is)), m)
	require.NoError(t, err)
	assert.Empty(t, res.NotReplayable)
	assert.Equal(t, []replay.Kind{replay.KindVerdict, replay.KindRefused}, res.Kinds())
}

var _ framework.Filter = policy{}
