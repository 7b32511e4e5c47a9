package pagetest

import (
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Attacks are texts that must be shown and must have no effect. Each sets window.pwned or
// requests something if it runs or loads.
var Attacks = []string{
	`<script>window.pwned=1</script>`,
	`</script><script>window.pwned=1</script>`,
	`</title></style></textarea><img src=http://192.0.2.1/pixel onerror=window.pwned=1>`,
	`<svg onload=window.pwned=1><image href=http://192.0.2.1/svg /></svg>`,
	`<iframe src=javascript:parent.pwned=1></iframe>`,
	`<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
	`<link rel=stylesheet href=http://192.0.2.1/css><style>*{background:url(http://192.0.2.1/bg)}</style>`,
	`<meta http-equiv=refresh content="0; url=http://192.0.2.1/">`,
	`<base href=http://192.0.2.1/><form action=http://192.0.2.1/><input autofocus onfocus=window.pwned=1>`,
	`<object data="data:text/html,<script>parent.pwned=1</script>"></object><embed src=http://192.0.2.1/embed>`,
	`javascript:window.pwned=1`,
	`data:text/html;base64,PHNjcmlwdD5wYXJlbnQucHduZWQ9MTwvc2NyaXB0Pg==`,
	`"><a href="javascript:window.pwned=1" autofocus>x</a>`,
	`' onmouseover='window.pwned=1' x='`,
	"${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}",
	`&lt;script&gt;window.pwned=1&lt;/script&gt;`,
	`<!--<img src="--><img src=x onerror=window.pwned=1//">`,
	`<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>`,
	`__proto__`, `constructor`, `toString`,
	"\x1b[31mred\x1b[0m\x1b]8;;http://192.0.2.1/\x07link\x1b]8;;\x07",
	"invoice\u202Efdp.exe", "\u2066isolate\u2069 \u200fright\u200e \u061c", "zero\u200bwidth\ufeff\u00ad\U000e0041",
	"nul\x00 bell\a back\b\r\nBcc: x", "line\u2028separator\u2029paragraph\u0085", "z\u0351\u0369\u0360a\u0321\u035dl\u0327\u0315g\u0360o\u0328",
}

// Hostile returns a record with a number, all of whose texts are attacks, huge, or both.
func Hostile(n int, began time.Time) *record.Message {
	attack := func(i int) string { return Attacks[i%len(Attacks)] }
	all := strings.Join(Attacks, " ")
	huge := strings.Repeat(all+"\n\t", 300)
	m := plain(n, began)
	edited(m)
	m.QueueID, m.Session, m.MTA, m.Software = attack(0), attack(1), attack(2), attack(3)
	m.Client = record.Client{Addr: attack(4), Name: attack(22), Helo: attack(5), User: attack(6)}
	m.Sender, m.Subject = attack(2), all
	m.Outcome = record.Outcome{State: record.StateRejected, Verdict: record.Verdict{Kind: "reply", Code: 550, Text: all, Stage: "rcpt", Filter: attack(0)}}
	m.EditedBy, m.FailedIn, m.Slowest = []string{attack(0), attack(18)}, []string{attack(3)}, attack(7)
	m.Recipients = nil
	for i := range 3000 {
		m.Recipients = append(m.Recipients, record.Recipient{Address: attack(i), Args: []string{attack(i + 1)}, Refusal: &record.Verdict{Kind: "reply", Code: 550, Text: attack(i + 2), Filter: attack(i + 3)}})
	}
	m.Header = append(m.Header, record.Field{Name: "X-Huge", Value: huge})
	for i, a := range Attacks {
		m.Header = append(m.Header, record.Field{Name: a, Value: attack(i + 1)})
		m.Macros = append(m.Macros, record.Macro{Stage: a, Name: attack(i + 1), Value: attack(i + 2)})
		m.Attributes = append(m.Attributes, record.Attribute{Key: a, Value: attack(i + 1)})
		m.Notes = append(m.Notes, record.Note{Filter: a, Kind: attack(i + 1), Text: attack(i + 2), Error: attack(i + 3)})
		m.Frames = append(m.Frames, record.Frame{FromMTA: true, Text: "SMFIC_HEADER " + a})
		m.Filters[2].Edits = append(m.Filters[2].Edits, record.Edit{Kind: a, Address: attack(i + 1)}, record.Edit{Kind: "quarantine", Reason: a}, record.Edit{Kind: "chgfrom", Address: a, Args: a})
	}
	for range 20_000 {
		m.Frames = append(m.Frames, record.Frame{FromMTA: true, Text: "SMFIC_RCPT <" + attack(1) + ">", Size: 30})
	}
	m.Filters[2].Header = append(append([]record.Field{}, m.Header...), record.Field{Name: attack(0), Value: huge})
	m.Filters[0].Name, m.Filters[0].Verdict = attack(0), m.Outcome.Verdict
	m.Body = []byte(strings.Repeat(strings.Join(Attacks, "\r\n")+"\xff\xfe\r\n", 100) + huge)
	m.BodySize = int64(len(m.Body))
	m.Filters[4].NewBody = append([]byte(huge), m.Body...)
	m.Stages[2].Name, m.Stages[2].Reply = attack(0), all
	m.Stages[3].Calls[0] = record.Call{Filter: attack(2), Count: 1, Verdict: &m.Outcome.Verdict, Error: huge}
	return m
}
