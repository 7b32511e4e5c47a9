package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
)

// manyRules returns rules of all kinds. Nine of ten apply to fields that few
// messages have.
func manyRules(n int) string {
	var b strings.Builder
	_, _ = b.WriteString("rules:\n")
	for i := range n {
		switch i % 10 {
		case 0:
			_, _ = fmt.Fprintf(&b, "- {when: {matches: {name: Subject, match: '\\bword%d\\b'}}, do: [{add: {name: X-%d, value: x}}]}\n", i, i)
		case 1:
			_, _ = fmt.Fprintf(&b, "- {when: {sender: d%d.example}, do: [{delete: X-%d}]}\n", i, i)
		case 2:
			_, _ = fmt.Fprintf(&b, "- {when: {client: 10.%d.%d.0/24}, do: [{reject: no}]}\n", i>>8, i&255)
		default:
			_, _ = fmt.Fprintf(&b, "- {when: {present: X-%d}, do: [{rename: {name: X-%d, to: Y-%d}}, {prefix: {name: Subject, text: 't'}}]}\n", i, i, i)
		}
	}
	return b.String()
}

// BenchmarkRules runs a whole message with 21 fields through the filter,
// including the MTA's side and a connection in memory. The case without rules
// measures only these two.
func BenchmarkRules(b *testing.B) {
	msg := miltertest.Message("Subject: how are you today\n" + strings.Repeat("Received: from x by y; Mon, 2 Jan 2006 15:04:05 -0700\nX-Some: value\n", 10) + "\nbody\n")
	for _, n := range []int{0, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			text := manyRules(n)
			if n == 0 { // the same is asked of the MTA
				text = "rules: [{when: {absent: Subject, sender: x.y, client: 10.0.0.0/8}, do: [{add: {name: X, value: x}}, {rename: {name: X, to: Y}}]}]"
			}
			conn := miltertest.NewServer(b, parsed(b, text)).Dial(b)
			b.ReportAllocs()
			for b.Loop() {
				outcome, err := conn.Send(b.Context(), msg)
				require.NoError(b, err)
				require.NotNil(b, outcome.Edited)
			}
		})
	}
}
