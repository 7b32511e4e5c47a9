package replay_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// mail is what a test sends, in the words of the model.
type mail struct {
	number         int
	client         string
	sender         string
	rcpts          []string
	subject, body  string
	hasTag, refuse bool // a field X-Tag; a recipient that the MTA refuses
}

// draw returns one of many kinds of mail.
func draw(r *rand.Rand, number int) mail {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	m := mail{
		number: number, client: pick("192.0.2.1", "192.0.2.2", "2001:db8::5"),
		sender:  pick("ann", "bob", "news", "bulk") + "@" + pick("example.org", "example.com"),
		subject: pick("hello", "buy now", "report", "re: hello", ""), body: pick("text", "a longer text\nwith lines", "", "offer inside"),
		hasTag: r.IntN(3) == 0, refuse: r.IntN(4) == 0,
	}
	for i := range 1 + r.IntN(3) {
		m.rcpts = append(m.rcpts, pick("dave", "eve", "list")+fmt.Sprint(i)+"@example.net")
	}
	return m
}

func (m *mail) message() *mta.Message {
	header := "Message-ID: <" + fmt.Sprint(m.number) + "@example.org>\n"
	if m.subject != "" {
		header += "Subject: " + m.subject + "\n"
	}
	if m.hasTag {
		header += "X-Tag: theirs\n"
	}
	opts := []miltertest.MessageOption{
		miltertest.From(m.sender), miltertest.Client(m.client), miltertest.QueueID(fmt.Sprintf("Q%04d", m.number)),
	}
	if m.refuse {
		opts = append(opts, miltertest.ToRefused("nobody@example.net", "550 5.1.1 User unknown"))
	}
	return miltertest.Message(header+"\n"+m.body, append(opts, miltertest.To(m.rcpts...))...)
}

// fate is what becomes of mail by the model: who gets what, or who is told what.
type fate struct {
	refused string // the stage and the reply, or ""
	dropped bool
	held    string
	rcpts   string
	refusal string // of single recipients
	tags    string
	subject string
	body    string
}

// fateOf says what a policy does to mail. It knows nothing of milters.
func fateOf(p policy, m *mail) (f fate) {
	reply := p.reply
	if reply == "" {
		reply = "no"
	}
	if p.refuseClient == m.client {
		return fate{refused: "connect " + reply}
	}
	if has(m.sender, p.refuseSender) {
		return fate{refused: "mail " + reply}
	}
	if has(m.sender, p.deferSender) {
		return fate{refused: "mail later"}
	}
	var kept, gone []string
	for _, rcpt := range m.rcpts {
		if has(rcpt, p.refuseRcpt) {
			gone = append(gone, rcpt+reply)
		} else {
			kept = append(kept, rcpt)
		}
	}
	f.refusal = strings.Join(gone, ",")
	if len(kept) == 0 {
		f.refused = "rcpt " + reply
		return f
	}
	if has(m.subject, p.discard) {
		return fate{dropped: true, refusal: f.refusal}
	}
	if has(m.body, p.refuseBody) {
		return fate{refused: "body " + reply, refusal: f.refusal}
	}
	if m.hasTag && p.drop == "" {
		f.tags = "theirs"
	}
	if p.tag != "" {
		f.tags += "," + p.tag
	}
	if f.subject = m.subject; m.subject != "" && p.subject != "" {
		f.subject = p.subject + " " + m.subject
	}
	f.body = m.body + p.footer
	if has(m.subject, p.hold) {
		f.held = p.hold
	}
	f.rcpts = strings.Join(kept, ",")
	return f
}

// full asks for everything, so that all can be replayed.
func full() policy {
	return policy{
		refuseClient: "203.0.113.1", refuseSender: "bulk@example.com", refuseRcpt: "list0", discard: "buy", refuseBody: "offer",
		tag: "ours", drop: "X-Tag", subject: "[ext]", footer: "--\r\n", hold: "report",
	}
}

// changes are changed rules, by name.
func changes() map[string]func(*policy) {
	return map[string]func(*policy){
		"nothing":                  func(*policy) {},
		"another client":           func(p *policy) { p.refuseClient = "192.0.2.2" },
		"another sender":           func(p *policy) { p.refuseSender = "news@" },
		"another recipient":        func(p *policy) { p.refuseRcpt = "eve1" },
		"another reply":            func(p *policy) { p.reply = "never" },
		"another subject to drop":  func(p *policy) { p.discard = "hello" },
		"another word in the body": func(p *policy) { p.refuseBody = "longer" },
		"another tag":              func(p *policy) { p.tag = "other" },
		"no tag":                   func(p *policy) { p.tag = "" },
		"fields stay":              func(p *policy) { p.drop = "" },
		"another subject":          func(p *policy) { p.subject = "[out]" },
		"another footer":           func(p *policy) { p.footer = "-- \r\n" },
		"another hold":             func(p *policy) { p.hold = "hello" },
		"deferred":                 func(p *policy) { p.deferSender = "ann" },
		"nothing is refused": func(p *policy) {
			p.refuseClient, p.refuseSender, p.refuseRcpt, p.discard, p.refuseBody = "203.0.113.1", "zoe", "zoe", "zoe", "zoe"
		},
	}
}

func each(list []*record.Message) iter.Seq2[*record.Message, error] {
	return func(yield func(*record.Message, error) bool) {
		for _, m := range list {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// 500 recorded messages against the same filter do not differ. Against a filter with a
// changed rule, exactly those differ that an independent model names. Also behind another MTA.
func TestModel(t *testing.T) {
	t.Parallel()
	const count = 500
	source := rand.New(rand.NewPCG(1, 2))
	mails := make([]mail, count)
	for i := range mails {
		mails[i] = draw(source, i)
	}
	for _, from := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
		dial := quiet(t, full())
		var records []*record.Message
		for i := range mails {
			m := recordedOn(t, dial, from.MTA, mails[i].message())
			m.ID = fmt.Sprintf("R%04d", i)
			records = append(records, m)
		}
		for name, change := range changes() {
			for _, as := range []string{"", "postfix", "sendmail"} {
				own := strings.EqualFold(from.Name, "postfix")
				if name != "nothing" && name != "another recipient" && (as != "" || !own) {
					continue // the other MTAs get two of the changes
				}
				t.Run(from.Name+"/"+name+"/as "+as, func(t *testing.T) {
					t.Parallel()
					p := full()
					change(&p)
					compareWithModel(t, p, as, mails, records)
				})
			}
		}
	}
}

func compareWithModel(t *testing.T, p policy, as string, mails []mail, records []*record.Message) {
	t.Helper()
	var want, got []string
	for i := range mails {
		if fateOf(full(), &mails[i]) != fateOf(p, &mails[i]) {
			want = append(want, records[i].ID)
		}
	}
	cfg := replay.Config{Dial: quiet(t, p), AsksForMacros: true, Connections: 3}
	if as != "" {
		other, err := replay.Personality(as)
		require.NoError(t, err)
		cfg.MTA = &other
	}
	summary, err := replay.Run(t.Context(), cfg, each(records), func(r *replay.Result) error {
		assert.Empty(t, r.NotReplayable)
		if r.Differs() {
			got = append(got, r.ID)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, len(records), summary.Records)
	assert.Equal(t, len(want), summary.Different)
	assert.True(t, slices.IsSorted(got))
}
