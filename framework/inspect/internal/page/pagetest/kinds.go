package pagetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// edited is a message whose subject and body filters changed.
func edited(m *record.Message) {
	m.EditedBy = []string{"headers", "banner"}
	header := append([]record.Field{}, m.Header...)
	old := header[3]
	header[3] = record.Field{Name: "Subject", Value: "[outside] " + old.Value}
	score := record.Field{Name: "X-Spam-Score", Value: "1.7"}
	header = append(header, score)
	f := filterOf(m, "headers")
	f.Applied, f.Header = true, header
	f.Edits = []record.Edit{{Kind: "chgheader", Old: &old, New: &header[3]}, {Kind: "addheader", New: &score, Above: 7}}
	b := filterOf(m, "banner")
	b.Applied, b.Replaced = true, true
	b.NewBody = []byte(strings.Replace(string(m.Body), "Olga\r\n", "Olga\r\n\r\n-- \r\nThis message came from outside of example.org.\r\n", 1))
	b.NewBodySize = int64(len(b.NewBody))
	b.Edits = []record.Edit{{Kind: "replacebody"}}
}

// filterOf returns the filter with a name, which every record has.
func filterOf(m *record.Message, name string) *record.Filter {
	for i := range m.Filters {
		if m.Filters[i].Name == name {
			return &m.Filters[i]
		}
	}
	panic("pagetest: no filter " + name)
}

// replyOf shows how a verdict goes over the wire.
func replyOf(v record.Verdict) string {
	switch v.Kind {
	case "reply":
		return fmt.Sprintf("SMFIR_REPLYCODE %q", fmt.Sprint(v.Code, " ", v.Text))
	case "continue":
		return "SMFIR_CONTINUE"
	default:
		return "SMFIR_" + strings.ToUpper(v.Kind)
	}
}

// ends makes a verdict of a filter the last one: the stages and filters behind it do not come.
func ends(m *record.Message, state record.State, v record.Verdict) {
	m.Outcome = record.Outcome{State: state, Verdict: v}
	m.Kept = record.KeptRefused
	f := filterOf(m, v.Filter)
	f.Verdict = v
	for i := range m.Stages {
		if m.Stages[i].Name != v.Stage {
			continue
		}
		m.Stages = m.Stages[:i+1]
		m.Stages[i].Reply = replyOf(v)
		for j := range m.Stages[i].Calls {
			if c := &m.Stages[i].Calls[j]; c.Filter == v.Filter {
				c.Verdict = &v
			}
		}
		break
	}
}

// cutContent removes what an MTA had not sent before a stage.
func cutContent(m *record.Message) {
	m.Header, m.Body, m.BodySize, m.Subject, m.Content = nil, nil, 0, "", record.ContentAll
	m.Slowest, m.SlowestWork = "spf", 9*time.Millisecond
	m.Took, m.Working = 12*time.Millisecond, 9500*time.Microsecond
	m.Frames = m.Frames[:9]
	for i := range m.Filters {
		if name := m.Filters[i].Name; name != "spf" && name != "greylist" {
			m.Filters[i].Called, m.Filters[i].Working = false, 0
		}
	}
}

// refusedByReply is a message that SPF refused at MAIL.
func refusedByReply(m *record.Message) {
	m.Client = record.Client{Addr: "203.0.113.77", Helo: "[203.0.113.77]"}
	m.Sender = "billing@bank.example"
	m.Recipients = nil
	cutContent(m)
	ends(m, record.StateRejected, record.Verdict{
		Kind: "reply", Code: 550, Text: "5.7.23 SPF: 203.0.113.77 may not send mail for bank.example",
		Stage: "mail", Filter: "spf",
	})
	m.Frames = append(m.Frames[:6], record.Frame{At: 66 * time.Millisecond, Size: 71, Text: "SMFIR_REPLYCODE 550 5.7.23 SPF: 203.0.113.77 may not send mail for bank.example"})
}

// greylisted is a message, all of whose recipients the greylist refused.
func greylisted(m *record.Message) {
	cutContent(m)
	v := record.Verdict{Kind: "reply", Code: 451, Text: "4.7.1 Greylisted, try again in 5 minutes", Stage: "rcpt", Filter: "greylist"}
	ends(m, record.StateDeferred, v)
	m.Recipients = []record.Recipient{
		{Address: "ben@example.org", Refusal: &v},
		{Address: "ida@example.org", Refusal: &v},
		{Address: "nobody@example.org", ByMTA: true},
	}
	m.Frames = append(m.Frames[:8], record.Frame{At: 88 * time.Millisecond, Size: 54, Text: "SMFIR_REPLYCODE 451 4.7.1 Greylisted, try again in 5 minutes"})
}

// quarantined is a message that is held.
func quarantined(m *record.Message) {
	v := record.Verdict{Kind: "accept", Stage: "end of message", Filter: "scanner"}
	ends(m, record.StateQuarantined, v)
	m.Outcome.Quarantine, m.Subject = "Win.Test.EICAR_HDB-1", "Your invoice"
	f := filterOf(m, "scanner")
	f.Applied, f.Edits = true, []record.Edit{{Kind: "quarantine", Reason: m.Outcome.Quarantine}}
	m.Kept, m.EditedBy = record.KeptSampled, []string{"scanner"}
}

// failed is a message that was deferred because a filter failed.
func failed(m *record.Message) {
	text := "dial unix /run/clamav/clamd.ctl: connect: connection refused"
	ends(m, record.StateDeferred, record.Verdict{
		Kind: "reply", Code: 451, Text: "4.3.0 mail filter failed, try again later", Stage: "end of message", Filter: "scanner",
	})
	m.Outcome.Failed, m.Kept, m.FailedIn = true, record.KeptFailed, []string{"scanner"}
	filterOf(m, "scanner").Failed = true
	calls := m.Stages[len(m.Stages)-1].Calls
	calls[1].Error = text
	m.Stages[len(m.Stages)-1].Calls = calls[:2]
	m.Notes = append(m.Notes, record.Note{At: 23 * time.Millisecond, Took: time.Millisecond, Filter: "scanner", Kind: "dial", Text: "clamd", Error: text})
}

// aborted is a message that the client gave up, of which only the header was recorded.
func aborted(m *record.Message) {
	m.Outcome = record.Outcome{State: record.StateAborted, Verdict: record.Verdict{Kind: "continue", Stage: "body"}}
	m.Content, m.Body, m.Cut = record.ContentHeader, nil, true
	m.BodySize = 48_113_020
	m.Stages = append(m.Stages[:8], record.Stage{Name: "abort", At: 31 * time.Second, Waiting: 30 * time.Second, Frames: 1})
	m.Took, m.Kept = 31*time.Second, record.KeptSlow
}

// refusedClient is a session that ended at its beginning, without a message.
func refusedClient(m *record.Message) {
	m.Client = record.Client{Addr: "192.0.2.200", Name: "dynamic-200.example.com"}
	m.Number, m.QueueID, m.Sender, m.Recipients, m.Macros, m.Notes, m.Attributes = 0, "", "", nil, m.Macros[:2], nil, nil
	cutContent(m)
	m.Stages = m.Stages[:1]
	m.Stages[0].Earlier = false
	m.Stages[0].Calls = []record.Call{{Filter: "spf", Count: 1, Working: 80 * time.Microsecond, Longest: 80 * time.Microsecond}}
	ends(m, record.StateRefused, record.Verdict{Kind: "reject", Stage: "connect", Filter: "spf"})
	m.Frames = append(m.Frames[:3], record.Frame{At: 33 * time.Millisecond, Size: 5, Text: "SMFIR_REJECT"})
}

// discarded is a message without content, with addresses that are hidden.
func discarded(m *record.Message) {
	ends(m, record.StateDiscarded, record.Verdict{Kind: "discard", Stage: "end of message", Filter: "scanner"})
	m.Content, m.Shortened, m.Subject = record.ContentNone, true, ""
	m.Sender, m.Recipients = "…@example.net", []record.Recipient{{Address: "…@example.org"}}
	m.Body = nil
	for i := range m.Header {
		m.Header[i].Value = ""
	}
	m.Kept = record.KeptSampled
}
